"""What the tool prints for an Airflow of one's own: configuration and Variable can be used as they are."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from airflow.sdk.configuration import AirflowSDKConfigParser

from engagement.config import dag_config
from engagement.config.dag_config import DagConfig
from engagement.config.settings import Settings
from infra.deploy.airflow.own_airflow import write_instructions
from infra.deploy.deploy_target import DeployTarget
from infra.deploy.environment_file import parse_environment
from infra.deploy.errors import DeployError
from infra.deploy.progress_log import ProgressLog
from infra.deploy.releases.release import Release

TEMPLATE = Path(__file__).resolve().parents[5] / "infra" / "mwaa.yaml"
OUTPUTS = {
    "ActivityBucketName": "engagement-activity-1",
    "OutputBucketName": "engagement-output-1",
    "ArtifactsBucketName": "engagement-artifacts-1",
    "ScoreJobName": "score",
    "PushJobName": "push",
    "NotificationTopicArn": "arn:aws:sns:eu-central-1:123456789012:on-call",
    "MetricsNamespace": "Engagement/engagement",
    "OrchestratorPolicyArn": "arn:aws:iam::123456789012:policy/orchestrator",
    "KeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1",
}
FILE = """
region = "eu-central-1"
name_prefix = "engagement"
orchestrator = "none"
[pipeline]
CrmSecretArn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:crm-??????"
[settings]
base_url = "https://crm.example.com"
credential_id = "crm"
"""


def target(packaged: Release, mwaa: str = "") -> DeployTarget:
    release = Release(packaged.commit, {**packaged.files, "infra/mwaa.yaml": TEMPLATE.read_bytes()})
    return DeployTarget(parse_environment("x", f"{FILE}[mwaa]\n{mwaa}"), release, release)


def instructions(packaged: Release, mwaa: str = "") -> str:
    out = io.StringIO()
    write_instructions(target(packaged, mwaa), ProgressLog(out, terminal=False), OUTPUTS)
    return out.getvalue()


def test_every_step_is_named(packaged: Release) -> None:
    text = instructions(packaged)
    folder = f"s3://engagement-artifacts-1/releases/{packaged.commit}"
    for part in (
        *("policy/orchestrator", f"{folder}/plugins.zip", f"{folder}/requirements.txt", f"{folder}/dags/"),
        *("airflow pools set engagement 1 ", "--include-deferred", "airflow variables set engagement "),
    ):
        assert part in text


def test_the_variable_is_valid_as_it_is_printed(packaged: Release) -> None:
    lines = instructions(packaged).splitlines()
    document = "\n".join(lines[lines.index("{") : lines.index("}") + 1])
    settings = Settings.parse(document)
    assert (settings.activity_bucket, settings.push_job_name) == ("engagement-activity-1", "push")
    assert (settings.credential_id, settings.base_url) == ("crm", "https://crm.example.com")
    assert json.loads(document)["sns_topic_arn"].endswith(":on-call")


@pytest.mark.parametrize(
    ("mwaa", "changes"),
    [
        ("", {}),
        ('Timezone = "Asia/Tokyo"\nPool = "crm"', {"timezone": "Asia/Tokyo", "pool": "crm"}),
        ('AwsConnId = "aws_crm"\nRegionName = "eu-west-1"', {"aws_conn_id": "aws_crm", "region_name": "eu-west-1"}),
        ('Schedule = "none"\nRetries = 0', {"schedule": "none", "retries": 0}),
    ],
)
def test_the_section_is_valid_as_it_is_printed(
    packaged: Release, monkeypatch: pytest.MonkeyPatch, mwaa: str, changes: dict[str, str | int]
) -> None:
    text = instructions(packaged, mwaa)
    parser = AirflowSDKConfigParser()
    parser.read_string(re.search(r"^\[engagement\]\n(\w+ = .*\n)+", text, re.MULTILINE)[0])  # type: ignore[index]
    monkeypatch.setattr(dag_config, "conf", parser)
    assert DagConfig.read() == DagConfig(**changes)  # type: ignore[arg-type]
    assert f"airflow pools set {changes.get('pool', 'engagement')} 1" in text


def test_an_unknown_option_is_refused_early(packaged: Release) -> None:
    with pytest.raises(DeployError, match=r"\[mwaa\] of the environment file: Poool is not a parameter"):
        target(packaged, 'Poool = "crm"').validate()


def test_a_release_without_the_option_uses_the_default_pool(packaged: Release) -> None:
    now = target(packaged)
    text = re.sub(r"^ +engagement\.pool: .*\n", "", TEMPLATE.read_text(), flags=re.MULTILINE)
    older = Release("0" * 40, {**now.release.files, "infra/mwaa.yaml": text.encode()})
    assert DeployTarget(now.environment, older, now.release).dag_options()["pool"] == "engagement"
