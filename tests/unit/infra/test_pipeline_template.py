"""The pipeline template matches the code: job scripts and arguments, metrics, alarms, dashboard, network."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from typing import Any

import pytest

from engagement.notifications.metrics import STATUS_METRICS
from engagement_jobs.contract.arguments import PushArguments, ScoreArguments
from infra.deploy.releases.packaging import JOB_ARCHIVE, JOB_SCRIPTS
from tests.unit.infra.deployed import INFRA, PREFIX, Deployed, deployed

JOBS: dict[str, type[ScoreArguments] | type[PushArguments]] = {"ScoreJob": ScoreArguments, "PushJob": PushArguments}
GLUE_VERSIONS = {"5.1": ("3.5.6", "3.11"), "6.0": ("4.1.1", "3.13")}  # their versions of Spark and Python
NETWORK = {"JobSubnetId": "subnet-1", "JobSecurityGroupId": "sg-1", "JobAvailabilityZone": "us-east-1a"}


@pytest.mark.parametrize("job", JOBS)
def test_a_job_runs_the_code_of_a_release(job: str) -> None:
    made = deployed("pipeline")
    code = f"s3://{made.outputs['ArtifactsBucketName']}/{made.parameters['ArtifactsPrefix']}/"
    command = made.properties(job)["Command"]
    assert (command["Name"], command["PythonVersion"]) == ("glueetl", "3")
    assert command["ScriptLocation"] == code + dict(zip(JOBS, JOB_SCRIPTS, strict=True))[job]
    assert made.properties(job)["DefaultArguments"]["--extra-py-files"] == code + JOB_ARCHIVE


@pytest.mark.parametrize("job", JOBS)
def test_a_job_has_no_defaults_for_its_arguments(job: str) -> None:
    defaults = deployed("pipeline").properties(job)["DefaultArguments"]
    assert not {f"--{name}" for name in JOBS[job].names()} & set(defaults)


@pytest.mark.parametrize(("job", "logs"), [("ScoreJob", "Score"), ("PushJob", "Push")])
def test_glue_logs_to_groups_with_a_retention(job: str, logs: str) -> None:
    """Glue writes to <prefix>/output and <prefix>/error, and would create these groups without a retention."""
    made = deployed("pipeline")
    prefix = made.properties(job)["DefaultArguments"]["--custom-logGroup-prefix"]
    groups = [made.properties(f"{logs}{kind}Logs")["LogGroupName"] for kind in ("Output", "Error")]
    assert groups == [f"{prefix}/output", f"{prefix}/error"]


def test_glue_versions_are_described_as_tested() -> None:
    declared = deployed("pipeline").template["Parameters"]["GlueVersion"]
    assert declared["AllowedValues"] == list(GLUE_VERSIONS)
    for version, (spark, python) in GLUE_VERSIONS.items():
        assert f"{version} has Spark {spark} and Python {python}" in " ".join(declared["Description"].split())
    requirements = INFRA.parent / "requirements"
    for version, name in {declared["Default"]: "glue", "6.0": "glue6"}.items():
        assert f"pyspark=={GLUE_VERSIONS[version][0]} " in (requirements / f"{name}.txt").read_text()


@pytest.mark.parametrize("missing", [None, *NETWORK])
def test_incomplete_network_parameters_are_refused(missing: str | None) -> None:
    made = Deployed("pipeline", **{**NETWORK, **({missing: ""} if missing else {})})
    (rule,) = made.template["Rules"].values()
    (assertion,) = rule["Assertions"]
    assert made.resolver.holds(assertion["Assert"]) is (missing is None)
    assert ("JobConnection" in made.resources) is (missing is None)


# ---- alarms and dashboard -------------------------------------------------------------------------------------------


def alarming(alarm: dict[str, Any], hours: list[float | None]) -> bool:
    """Evaluate an alarm over its last data points, as CloudWatch does; None is a period without data."""
    compare = {"LessThanThreshold": operator.lt, "GreaterThanOrEqualToThreshold": operator.ge}
    breaches: Callable[..., bool] = compare[alarm["ComparisonOperator"]]
    without_data = alarm["TreatMissingData"] == "breaching"
    periods: int = alarm["EvaluationPeriods"]
    seen = hours[-periods:]
    count: int = sum(without_data if value is None else breaches(value, alarm["Threshold"]) for value in seen)
    needed = int(alarm.get("DatapointsToAlarm", periods))
    return count >= needed


def test_one_failed_run_raises_an_alarm() -> None:
    alarm = deployed("pipeline").properties("RunFailedAlarm")
    assert alarming(alarm, [1])
    assert not alarming(alarm, [None])
    assert "OKActions" not in alarm  # the alarm ends after minutes, which does not mean that the cause is fixed


@pytest.mark.parametrize(("name", "topic"), [("pipeline", "NotificationTopic"), ("workflow", None)])
def test_an_alarm_is_on_until_a_run_succeeds(name: str, topic: str | None) -> None:
    made = deployed(name)
    alarm = made.properties("LateAlarm")
    late = made.parameters["LateAfterHours"]
    assert alarming(alarm, [None] * late)
    assert not alarming(alarm, [1, *[None] * (late - 1)])
    assert alarming(alarm, [1, *[None] * late])
    assert alarm["AlarmActions"] == alarm["OKActions"] == [
        made.ref(topic) if topic else made.parameters["NotificationTopicArn"]
    ]  # fmt: skip
    # CloudWatch evaluates at most seven days, and one day for periods of less than an hour.
    longest = made.template["Parameters"]["LateAfterHours"]["MaxValue"]
    assert alarm["Period"] == 3600
    assert longest * alarm["Period"] <= 7 * 24 * 3600


def test_alarms_watch_the_metrics_of_runs() -> None:
    made = deployed("pipeline")
    alarms = made.of_type("AWS::CloudWatch::Alarm").values()
    assert {alarm["MetricName"] for alarm in alarms} == set(STATUS_METRICS.values())
    assert {alarm["Namespace"] for alarm in alarms} == {made.outputs["MetricsNamespace"]}
    assert not [alarm for alarm in alarms if "Dimensions" in alarm]


@pytest.mark.parametrize("variant", ["default", "unwatched"])
def test_the_dashboard_shows_every_metric_and_every_alarm(variant: str) -> None:
    made = deployed("pipeline", variant)
    widgets = json.loads(made.properties("Dashboard")["DashboardBody"])["widgets"]
    shown = {tuple(metric[:2]) for one in widgets for metric in one["properties"].get("metrics", [])}
    contract = (INFRA.parent / "docs" / "reference" / "data-contract.md").read_text(encoding="utf-8")
    put = re.findall(r"`((?:Runs|Users|Cost)[A-Z]\w+)`", contract)
    assert shown == {(made.outputs["MetricsNamespace"], name) for name in put}
    assert [one["properties"]["alarms"] for one in widgets if one["type"] == "alarm"] == [
        [made.arn(name) for name in made.of_type("AWS::CloudWatch::Alarm")]
    ]


def test_the_dashboard_links_to_the_error_logs() -> None:
    made = deployed("pipeline")
    (text,) = [one for one in json.loads(made.properties("Dashboard")["DashboardBody"])["widgets"] if one["y"] == 0]
    links = re.findall(r"\[[^]]+\]\((\S+)\)", text["properties"]["markdown"])
    assert all(link.startswith("https://us-east-1.console.aws.amazon.com/") for link in links)
    groups = [link.rpartition("log-group/")[2].replace("$252F", "/") for link in links if "log-group/" in link]
    assert groups == [made.properties(f"{job}ErrorLogs")["LogGroupName"] for job in ("Score", "Push")]
    assert [link for link in links if f"/{PREFIX}-push-scores/runs" in link]
