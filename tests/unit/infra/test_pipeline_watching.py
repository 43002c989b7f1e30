"""Who is told, and of what: the topic and its key, the alarms, the dashboard."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.unit.infra import templates
from tests.unit.infra.templates import Template, allows, statements


@pytest.fixture(scope="module")
def template() -> Template:
    return templates.load(templates.INFRA / "pipeline.yaml")


@pytest.fixture(scope="module")
def resources(template: Template) -> dict[str, Any]:
    return template.properties()


def test_the_topic_takes_messages_of_this_accounts_alarms_and_rules_over_tls(resources: dict[str, Any]) -> None:
    policy = resources["NotificationTopicPolicy"]
    assert policy["Topics"] == ["NotificationTopic"]
    denied, allowed = policy["PolicyDocument"]["Statement"]
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert allowed["Principal"] == {"Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com"]}
    assert (allowed["Action"], allowed["Resource"]) == ("sns:Publish", "NotificationTopic")
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": "AWS::AccountId"}}


def test_the_key_serves_whoever_publishes_and_the_logs(resources: dict[str, Any]) -> None:
    assert resources["Key"]["EnableKeyRotation"] is True
    by_sid = {one["Sid"]: one for one in statements(resources["Key"])}
    assert by_sid.keys() == {"LetIamDecide", "AlarmsPublish", "EventsPublish", "LogsAreEncrypted"}
    assert by_sid["LetIamDecide"]["Principal"]["AWS"].endswith(":${AWS::AccountId}:root")
    for sid, service in (("AlarmsPublish", "cloudwatch"), ("EventsPublish", "events")):
        assert by_sid[sid]["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert by_sid[sid]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert by_sid["AlarmsPublish"]["Condition"] == {"StringEquals": {"aws:SourceAccount": "AWS::AccountId"}}
    # "Not supported for EventBridge-to-encrypted topics", says SNS: a condition here would lose messages silently.
    assert "Condition" not in by_sid["EventsPublish"]
    groups = by_sid["LogsAreEncrypted"]["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    assert [group.rpartition("log-group:")[2] for group in groups] == [
        "/aws-glue/jobs/${NamePrefix}-*",
        "/aws/events/${NamePrefix}-*",
        "airflow-${NamePrefix}-*",
    ]


@pytest.mark.parametrize(("own_key", "services"), [("false", ["sns"]), ("true", ["sns", "s3"])])
def test_airflow_may_tell_the_encrypted_topic_and_no_other(
    template: Template, own_key: str, services: list[str]
) -> None:
    resources = template.properties(EncryptWithOwnKey=own_key)
    by_sid = {one["Sid"]: one for one in statements(resources["OrchestratorPolicy"])}
    telling, key = by_sid["TellHowRunsEnded"], by_sid["UseTheKeyOfTopicAndData"]
    assert (telling["Action"], telling["Resource"]) == (["sns:Publish"], ["NotificationTopic"])
    assert resources["NotificationTopic"]["KmsMasterKeyId"] == "Key.Arn"
    assert (key["Action"], key["Resource"]) == (["kms:Decrypt", "kms:GenerateDataKey*"], ["Key.Arn"])
    via = [f"{service}.${{AWS::Region}}.amazonaws.com" for service in services]
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": via}}
    for role in ("ScoreRole", "PushRole"):
        assert not allows(resources[role], "sns:Publish", "NotificationTopic")


def test_a_failed_run_alarms_once_and_a_late_one_until_it_has_come(resources: dict[str, Any]) -> None:
    failed, late = resources["RunFailedAlarm"], resources["LateAlarm"]
    assert {alarm["Namespace"] for alarm in (failed, late)} == {"Engagement/${NamePrefix}"}
    assert "Dimensions" not in failed | late
    assert (failed["MetricName"], failed["Statistic"], failed["Threshold"]) == ("RunsFailed", "Sum", 1)
    assert (failed["ComparisonOperator"], failed["TreatMissingData"]) == (
        "GreaterThanOrEqualToThreshold",
        "notBreaching",
    )
    assert (late["MetricName"], late["Statistic"], late["Threshold"]) == ("RunsSucceeded", "Sum", 1)
    assert (late["ComparisonOperator"], late["TreatMissingData"]) == ("LessThanThreshold", "breaching")
    assert late["EvaluationPeriods"] == late["DatapointsToAlarm"] == "LateAfterHours"
    assert failed["AlarmActions"] == late["AlarmActions"] == late["OKActions"] == ["NotificationTopic"]
    # That no further run failed within minutes is no news: only the end of lateness is told.
    assert "OKActions" not in failed


def test_cloudwatch_can_look_back_as_far_as_the_parameter_allows(template: Template, resources: dict[str, Any]) -> None:
    period, most = resources["LateAlarm"]["Period"], template.parameters["LateAfterHours"]["MaxValue"]
    assert period == 3600  # below an hour, no more than a day
    assert period * most <= 7 * 24 * 3600


@pytest.mark.parametrize(("hours", "alarms"), [("26", ["RunFailedAlarm", "LateAlarm"]), ("0", ["RunFailedAlarm"])])
def test_the_dashboard_shows_runs_customers_cost_and_the_alarms(
    template: Template, hours: str, alarms: list[str]
) -> None:
    resources = template.properties(LateAfterHours=hours)
    widgets = json.loads(resources["Dashboard"]["DashboardBody"])["widgets"]
    shown = [tuple(metric[:2]) for one in widgets for metric in one["properties"].get("metrics", [])]
    assert shown == [
        ("Engagement/${NamePrefix}", name)
        for name in ("RunsSucceeded", "RunsFailed", "CustomersDelivered", "CustomersNotReached", "CostUsd")
    ]
    assert [one["properties"]["alarms"] for one in widgets if one["type"] == "alarm"] == [
        [f"${{{name}.Arn}}" for name in alarms]
    ]
    assert {one["properties"]["region"] for one in widgets if one["type"] == "metric"} == {"${AWS::Region}"}
    (words,) = [one["properties"]["markdown"] for one in widgets if one["type"] == "text"]
    links = re.findall(r"\[[^]]+\]\((\S+)\)", words)
    assert len(links) == 7
    assert all(link.startswith("https://${AWS::Region}.console.aws.amazon.com/") for link in links)
    groups = [link.rpartition("log-group/")[2].replace("$252F", "/") for link in links if "log-group/" in link]
    assert groups == [resources[name]["LogGroupName"] for name in ("ScoreErrorLogs", "PushErrorLogs")]
