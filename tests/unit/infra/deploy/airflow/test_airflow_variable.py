"""The Airflow Variable: built from outputs and settings, and validated by the release's own code."""

from __future__ import annotations

import ast
import io
import json
import zipfile
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.deploy.airflow import airflow_variable
from infra.deploy.errors import DeployError
from infra.deploy.releases import release_settings
from infra.deploy.releases.packaging import build_zip
from infra.deploy.releases.release import Release

OUTPUTS = {
    "ActivityBucketName": "activity",
    "OutputBucketName": "output",
    "ScoreJobName": "score",
    "PushJobName": "push",
    "NotificationTopicArn": "arn:aws:sns:us-east-1:123456789012:t",
    "MetricsNamespace": "Engagement/x",
}
GIVEN = {"base_url": "https://crm.example.com", "credential_id": "token"}


def older(release: Release, *unknown: str) -> Release:
    """Return the release as it was before these settings were added."""
    archive = zipfile.ZipFile(io.BytesIO(release.files["plugins.zip"]))
    files = {name: archive.read(name) for name in archive.namelist()}
    lines = files["engagement/config/settings.py"].decode().splitlines()
    declared = [node for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, ast.AnnAssign)]
    removed = [node for node in declared if isinstance(node.target, ast.Name) and node.target.id in unknown]
    assert len(removed) == len(unknown)
    for node in sorted(removed, key=lambda one: -one.lineno):
        del lines[node.lineno - 1 : node.end_lineno]
    files["engagement/config/settings.py"] = "\n".join(lines).encode()
    return Release("0" * 40, {**release.files, "plugins.zip": build_zip(files)})


def test_outputs_of_the_stack_are_filled_in(packaged: Release) -> None:
    document = airflow_variable.build_document(GIVEN, OUTPUTS, release_settings.names(packaged))
    values = release_settings.parse(packaged, document)
    assert {name: values[name] for name in airflow_variable.SETTINGS_FROM_OUTPUTS} == {
        name: OUTPUTS[key] for name, key in airflow_variable.SETTINGS_FROM_OUTPUTS.items()
    }
    assert values["base_url"] == "https://crm.example.com"
    assert values["push_mode"] == "all"


def test_only_unreserved_settings_can_be_overridden() -> None:
    document = airflow_variable.build_document(
        {**GIVEN, "sns_topic_arn": ""}, OUTPUTS, {*GIVEN, *airflow_variable.SETTINGS_FROM_OUTPUTS}
    )
    assert document["sns_topic_arn"] == ""
    with pytest.raises(DeployError, match="output_bucket: set by the deploy tool"):
        airflow_variable.build_document({**GIVEN, "output_bucket": "other"}, OUTPUTS, set())


def test_the_releases_own_code_reports_faults(packaged: Release) -> None:
    document = airflow_variable.build_document(
        {**GIVEN, "push_mod": "all", "min_rows": 0}, OUTPUTS, release_settings.names(packaged)
    )
    with pytest.raises(DeployError, match="push_mod is not a known name; did you mean push_mode") as raised:
        release_settings.parse(packaged, document)
    assert "min_rows" in str(raised.value)


def test_a_release_with_broken_code_is_reported() -> None:
    broken = build_zip(
        {"engagement/__init__.py": b"", "engagement/config/__init__.py": b"", "engagement/config/settings.py": b"def"}
    )
    with pytest.raises(DeployError, match=r"release aaaaaaaaaaaa: cannot import its settings: SyntaxError"):
        release_settings.names(Release("a" * 40, {"plugins.zip": broken}))


def test_an_older_release_gets_only_settings_it_knows(packaged: Release) -> None:
    old = older(packaged, "dpu_hour_usd", "metrics_namespace")
    given = {**GIVEN, "dpu_hour_usd": 0.5}
    newer = release_settings.names(packaged)
    document = airflow_variable.build_document(given, OUTPUTS, release_settings.names(old), newer)
    assert not {"dpu_hour_usd", "metrics_namespace"} & document.keys()
    release_settings.parse(old, document)
    # A misspelled setting is reported for every release.
    wrong = airflow_variable.build_document({**given, "dpu_hour_eur": 1}, OUTPUTS, release_settings.names(old), newer)
    with pytest.raises(DeployError, match="dpu_hour_eur is not a known name"):
        release_settings.parse(old, wrong)


def test_differences_mask_the_credential() -> None:
    old = {"a": 1, "b": 2, "gone": 3, "credential_id": "s3cr3t"}
    lines = airflow_variable.differences(old, {"a": 1, "b": 5, "new": "x", "credential_id": "0ther"})
    assert lines == ["b: 5, was 2", "credential_id: changed", "gone: removed, was 3", 'new: "x"']
    assert airflow_variable.differences(None, {"credential_id": "s3cr3t"}) == ["credential_id: new"]
    assert airflow_variable.differences(old, dict(old)) == []


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="us-east-1")


def test_the_secret_is_created_changed_and_restored(manager: Any) -> None:
    secret = airflow_variable.VariableSecret(manager, "engagement/airflow/variables/engagement")
    assert secret.read() is None
    secret.write({"a": 1})
    assert secret.read() == {"a": 1}
    secret.write({"a": 2})
    assert secret.read() == {"a": 2}
    manager.delete_secret(SecretId=secret.name)
    assert secret.read() is None
    secret.write({"a": 3})
    assert json.loads(manager.get_secret_value(SecretId=secret.name)["SecretString"]) == {"a": 3}


def test_a_secret_that_is_not_json_counts_as_empty(manager: Any) -> None:
    manager.create_secret(Name="x", SecretString="not JSON")
    assert airflow_variable.VariableSecret(manager, "x").read() == {}
