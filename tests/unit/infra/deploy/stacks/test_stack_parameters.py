"""Where the parameters of a template get their values from."""

from __future__ import annotations

import pytest

from infra.deploy.errors import DeployError
from infra.deploy.stacks.stack_parameters import BODY_LIMIT, choose_parameters, declared_parameters

BODY = """
Parameters:
  NamePrefix: {Type: String, Default: engagement}
  CrmSecretArn: {Type: String, Description: The secret.}
  OutputBucketName: {Type: String, Default: ""}
  Days: {Type: Number, Default: 3}
Resources:
  Bucket: {Type: !Sub "AWS::S3::Bucket", Properties: !If [A, !Ref B, {c: !GetAtt D.E}]}
"""
OWN = {"NamePrefix": "mine", "ArtifactsPrefix": "releases/x/jobs"}


def test_each_value_comes_from_its_source() -> None:
    outputs = {"OutputBucketName": "output", "CrmSecretArn": "theirs", "Other": "x"}
    chosen = choose_parameters("pipeline", BODY, {"CrmSecretArn": "arn"}, OWN, outputs)
    assert chosen.values == {"NamePrefix": "mine", "CrmSecretArn": "arn", "OutputBucketName": "output"}
    assert chosen.omitted == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "CrmSecretArn is required: The secret."),
        ({"CrmSecretArn": "arn", "NamePrefix": "x"}, "NamePrefix is set by the deploy tool"),
        ({"CrmSecretArn": "arn", "PluginsKey": "x"}, "PluginsKey is set by the deploy tool"),
        ({"CrmSecretArn": "arn", "Dais": "3"}, "Dais is not a parameter of the template"),
    ],
)
def test_invalid_parameters_are_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(DeployError, match=message):
        choose_parameters("pipeline", BODY, given, OWN, {})


def test_an_older_release_gets_only_known_parameters() -> None:
    chosen = choose_parameters("pipeline", BODY, {"CrmSecretArn": "arn", "Hours": "26"}, OWN, {}, newer_names=["Hours"])
    assert "Hours" not in chosen.values
    assert chosen.omitted == ("Hours",)


@pytest.mark.parametrize(
    ("body", "message"), [("#" * (BODY_LIMIT + 1), "the limit is 51,200"), ("Resources: {", "Template format error")]
)
def test_an_invalid_template_is_refused(body: str, message: str) -> None:
    with pytest.raises(DeployError, match=message):
        declared_parameters(body)
