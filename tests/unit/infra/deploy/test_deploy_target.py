"""The desired state of an environment."""

from __future__ import annotations

import pytest

from infra.deploy.deploy_target import DeployTarget
from infra.deploy.environment_file import parse_environment
from infra.deploy.releases.release import Release

PIPELINE = """
Parameters:
  NamePrefix: {Type: String}
  ArtifactsPrefix: {Type: String}
  LateAfterHours: {Type: Number, Default: 26}
Resources: {}
"""
COMMIT = "c" * 40
RELEASE = Release(COMMIT, {"infra/pipeline.yaml": PIPELINE.encode()})


@pytest.mark.parametrize(
    ("orchestrator", "given", "expected"),
    [("mwaa", "", None), ("none", "", None), ("workflow", "", "0"), ("workflow", "LateAfterHours = 30", "30")],
)
def test_without_airflow_there_is_no_alarm_on_its_metrics(orchestrator: str, given: str, expected: str | None) -> None:
    text = f'region = "eu-central-1"\nname_prefix = "engagement"\norchestrator = "{orchestrator}"\n[pipeline]\n{given}'
    chosen = DeployTarget(parse_environment("x", text), RELEASE, RELEASE).pipeline_parameters().values
    assert chosen.get("LateAfterHours") == expected
    assert (chosen["NamePrefix"], chosen["ArtifactsPrefix"]) == ("engagement", f"releases/{COMMIT}/jobs")
