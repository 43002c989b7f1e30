"""What holds for every template in `infra/`: it deploys, it explains itself, and nothing is open, lost or in clear."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.unit.infra import templates
from tests.unit.infra.templates import Template, statements

REPOSITORY = templates.INFRA.parent
NAMES = [path.name for path in templates.ALL]
MOST_BYTES = 51_200  # of a template that travels in the request
SPARK_AND_PYTHON = {"5.1": ("3.5.6", "3.11"), "6.0": ("4.1.1", "3.13")}  # by version of Glue
AIRFLOW = {"3.2.1": "3.12"}  # versions of MWAA that the package is tested with, and their Python
POLICIES = ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
# Deleting one of these would delete what nobody can make again.
KEPT = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SecretsManager::Secret", "AWS::SQS::Queue", "AWS::DynamoDB::Table")

pytestmark = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def template(name: str) -> Template:
    return templates.load(templates.INFRA / name)


def every_resource(template: Template) -> dict[str, Any]:
    """All resources, those that only some parameters make included; where a value depends, the first of two."""
    on = {name: given(one) for name, one in template.parameters.items()}
    return template.resources() | template.resources(**on)


def given(parameter: dict[str, Any]) -> str:
    """A value that is not the default, where there is a choice of the kind on or off, given or empty."""
    values = [str(value) for value in parameter.get("AllowedValues", [])]
    if "true" in values:
        return "true"
    return str(parameter.get("Default", "")) or "given"


@pytest.fixture(scope="module")
def linted() -> list[str]:
    """What the linter says about all templates; asked once, because starting it is what takes long."""
    linter = Path(sysconfig.get_path("scripts")) / "cfn-lint"
    said = subprocess.run(
        [linter, "--format", "parseable", *templates.ALL], capture_output=True, text=True, timeout=110, check=False
    )
    lines = said.stdout.splitlines()
    assert (said.returncode == 0) == (lines == []), said.stderr
    return lines


def test_the_linter_has_nothing_to_say(linted: list[str], name: str) -> None:
    assert [line for line in linted if line.startswith(str(templates.INFRA / name))] == []


def test_it_fits_into_an_api_call(template: Template) -> None:
    assert len(template.text.encode()) <= MOST_BYTES


def test_every_parameter_is_described_and_used(template: Template) -> None:
    used = template.used()
    for parameter, declared in template.parameters.items():
        assert declared["Description"].endswith("."), parameter
        assert parameter in used, parameter


def test_every_default_is_a_value_that_the_parameter_takes(template: Template) -> None:
    for parameter, declared in template.parameters.items():
        default = declared.get("Default")
        if default is None:
            continue
        assert re.fullmatch(declared.get("AllowedPattern", ".*"), str(default)), parameter
        assert default in declared.get("AllowedValues", [default]), parameter
        if declared["Type"] == "Number":
            assert declared.get("MinValue", default) <= default <= declared.get("MaxValue", default), parameter


def test_every_output_is_described(template: Template) -> None:
    assert template.outputs
    for output, declared in template.outputs.items():
        assert declared["Description"].endswith("."), output


def test_one_prefix_names_everything(template: Template) -> None:
    pipeline = templates.load(templates.INFRA / "pipeline.yaml").parameters["NamePrefix"]
    prefix = template.parameters["NamePrefix"]
    assert {key: prefix[key] for key in ("Type", "Default", "AllowedPattern")} == {
        key: pipeline[key] for key in ("Type", "Default", "AllowedPattern")
    }


def test_versions_are_those_that_exist_together(template: Template) -> None:
    glue, airflow = template.parameters.get("GlueVersion"), template.parameters.get("AirflowVersion")
    if glue:
        assert glue["AllowedValues"] == list(SPARK_AND_PYTHON)
        for version, (spark, python) in SPARK_AND_PYTHON.items():
            assert f"{version} has Spark {spark} and Python {python}" in " ".join(glue["Description"].split())
        pinned = (REPOSITORY / "requirements" / "glue.txt").read_text()
        assert f"pyspark=={SPARK_AND_PYTHON[glue['Default']][0]} " in pinned
    jobs = template.of_type("AWS::Glue::Job").values()
    assert [job["Command"]["PythonVersion"] for job in jobs] == ["3"] * len(jobs)
    assert [job["GlueVersion"] for job in jobs] == ["GlueVersion"] * len(jobs)
    if airflow:
        assert airflow["Default"] in AIRFLOW
        pinned = (REPOSITORY / "requirements" / "airflow.txt").read_text()
        assert re.search(rf"^apache-airflow(\[[a-z,]+\])?=={airflow['Default']}\b", pinned, re.MULTILINE)


def test_no_statement_allows_any_action_of_a_kind_on_anything(template: Template) -> None:
    for name, one in every_resource(template).items():
        if one["Type"] not in POLICIES:
            continue
        for said in statements(one["Properties"]):
            if said["Effect"] == "Deny":
                continue
            anything = ("*" in said.get("Resource", []) or "NotResource" in said) and "Condition" not in said
            assert not anything or not [action for action in said["Action"] if "*" in action], (name, said["Sid"])
            assert "*" not in said["Action"], (name, said["Sid"])


def test_nobody_outside_is_allowed_anything(template: Template) -> None:
    for name, one in every_resource(template).items():
        properties = one.get("Properties", {})
        said = statements(properties) + properties.get("AssumeRolePolicyDocument", {}).get("Statement", [])
        for statement in said:
            principal = statement.get("Principal", {})
            everyone = principal == "*" or (isinstance(principal, dict) and "*" in str(principal.get("AWS")))
            assert not everyone or statement["Effect"] == "Deny", (name, statement)
        for rule in properties.get("SecurityGroupIngress", []) + ([properties] if "Ingress" in one["Type"] else []):
            assert "0.0.0.0/0" not in str(rule), name
            assert "::/0" not in str(rule), name
        if one["Type"] == "AWS::S3::Bucket":
            assert properties["PublicAccessBlockConfiguration"] == {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            }, name


def test_buckets_and_topics_refuse_clear_text(template: Template) -> None:
    made = every_resource(template)
    guarded = set()
    for one in made.values():
        properties = one.get("Properties", {})
        for statement in statements(properties) if one["Type"].endswith(("BucketPolicy", "TopicPolicy")) else []:
            insecure = statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
            if statement["Effect"] == "Deny" and insecure and statement["Principal"] == "*":
                guarded |= {properties["Bucket"]} if "Bucket" in properties else set(properties["Topics"])
    assert guarded == {name for name, one in made.items() if one["Type"] in ("AWS::S3::Bucket", "AWS::SNS::Topic")}


@pytest.mark.parametrize("own_key", ["false", "true"])
def test_what_is_stored_is_encrypted(template: Template, own_key: str) -> None:
    option = "EncryptWithOwnKey" in template.parameters
    given = {"EncryptWithOwnKey": own_key} if option else {}
    own = option and own_key == "true"
    for name, bucket in template.of_type("AWS::S3::Bucket", **given).items():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        encryption = rule["ServerSideEncryptionByDefault"]
        assert encryption["SSEAlgorithm"] == "aws:kms", name
        assert encryption.get("KMSMasterKeyID") == ("Key.Arn" if own else None), name
    for name, topic in template.of_type("AWS::SNS::Topic", **given).items():
        assert topic["KmsMasterKeyId"] == "Key.Arn", name
    # Without a key of the customer's, logs are encrypted under one that AWS owns.
    for name, group in template.of_type("AWS::Logs::LogGroup", **given).items():
        assert group.get("KmsKeyId") == ("Key.Arn" if own else None), name
    for name, key in template.of_type("AWS::KMS::Key", **given).items():
        assert key["EnableKeyRotation"] is True, name


def test_what_cannot_be_made_again_outlives_its_stack(template: Template) -> None:
    for name, one in every_resource(template).items():
        ends = (one.get("DeletionPolicy"), one.get("UpdateReplacePolicy"))
        if one["Type"] in KEPT:
            assert ends == ("Retain", "Retain"), name
        if one["Type"] == "AWS::Logs::LogGroup":
            assert ends in (("Delete", "Delete"), ("Retain", "Retain")), name  # either, but said


def test_roles_can_be_bound(template: Template) -> None:
    if "PermissionsBoundaryArn" not in template.parameters:
        assert "Boundary" in template.document["Resources"]  # it makes the boundary
        return
    bound = template.of_type("AWS::IAM::Role", PermissionsBoundaryArn="arn:aws:iam::123456789012:policy/boundary")
    assert bound
    assert {role["PermissionsBoundary"] for role in bound.values()} == {"PermissionsBoundaryArn"}
