"""CloudWatch metrics: their values, and the runs that publish them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from engagement.notifications import metrics
from engagement.notifications.callbacks import CLIENT_CONFIG
from tests.unit.plugins.engagement import run_factory as factory

NAMESPACE = "Engagement/engagement"


def test_metrics_of_a_success() -> None:
    assert metrics.metric_data("success", factory.full_summary(factory.artifacts())) == [
        {"MetricName": "RunsSucceeded", "Value": 1, "Unit": "Count"},
        {"MetricName": "UsersDelivered", "Value": 970, "Unit": "Count"},
        {"MetricName": "UsersNotReached", "Value": 8, "Unit": "Count"},
        {"MetricName": "CostUsd", "Value": 0.088, "Unit": "None"},
    ]


def test_an_unknown_cost_is_left_out() -> None:
    summary = factory.full_summary(factory.artifacts(), cost_usd=None)
    assert "CostUsd" not in [datum["MetricName"] for datum in metrics.metric_data("success", summary)]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """A mocked CloudWatch client; `client.hook` is the mocked hook that creates it."""
    client = MagicMock()
    client.hook.return_value.conn = client
    monkeypatch.setattr(metrics, "AwsBaseHook", client.hook)
    return client


def context(run_type: Any = "scheduled", mode: str = "all", param: str | None = None, **settings: Any) -> Any:
    document = json.dumps({"metrics_namespace": NAMESPACE, **settings})
    return {
        "var": {"value": {"engagement": document}},
        "dag_run": SimpleNamespace(run_type=run_type),
        "params": {"push_mode": param},
        "task": SimpleNamespace(push_mode=mode, summary=None, aws_conn_id="aws_crm", region_name="eu-west-1"),
    }


UNRENDERED = "{{ push_mode(dag_run, params, settings(var)) }}"


@pytest.mark.parametrize(
    ("run", "published"),
    [
        ({"run_type": "scheduled"}, True),
        # The setting push_mode may be dry_run; a scheduled run is still expected to succeed.
        ({"run_type": "scheduled", "mode": "dry_run"}, True),
        ({"run_type": SimpleNamespace(value="scheduled")}, True),
        ({"run_type": "manual"}, True),
        ({"run_type": "manual", "mode": "dry_run"}, False),
        ({"run_type": "manual", "mode": UNRENDERED}, True),
        ({"run_type": "manual", "mode": UNRENDERED, "param": "dry_run"}, False),
        ({"run_type": "backfill"}, False),
        ({"run_type": SimpleNamespace(value="backfill")}, False),
        ({"run_type": "backfill", "notify_backfills": True}, False),
        ({"metrics_namespace": ""}, False),
        ({"metrics_namespace": "AWS/Glue"}, False),
    ],
)
def test_which_runs_publish_metrics(client: MagicMock, run: dict[str, Any], published: bool) -> None:
    metrics.put(context(**run), "failed", CLIENT_CONFIG)
    assert client.put_metric_data.called == published
    if published:
        one = {"MetricName": "RunsFailed", "Value": 1, "Unit": "Count"}
        client.put_metric_data.assert_called_once_with(Namespace=NAMESPACE, MetricData=[one])


def test_metrics_go_to_the_region_of_the_jobs(client: MagicMock) -> None:
    metrics.put(context(), "failed", CLIENT_CONFIG)
    client.hook.assert_called_once_with(
        aws_conn_id="aws_crm", region_name="eu-west-1", client_type="cloudwatch", config=CLIENT_CONFIG
    )


def test_an_invalid_namespace_is_logged(client: MagicMock, caplog: pytest.LogCaptureFixture) -> None:
    metrics.put(context(metrics_namespace="AWS/Glue"), "failed", CLIENT_CONFIG)
    assert not client.put_metric_data.called
    assert "metrics_namespace: expected a CloudWatch namespace" in caplog.text
