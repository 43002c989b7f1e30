"""What a day costs: Glue's own description of its runs, the summary, the report and the metrics tell the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engagement import report
from tests.stack.conftest import World

pytestmark = pytest.mark.timeout(1200)

CUSTOMERS, RATE = 10_000, 500
NAMESPACE = "Engagement/cost"
DPU = 2  # of each job: two workers G.1X
LEAST = 2 * DPU * 60  # DPU-seconds: Glue's minimum for two jobs


def metrics(world: World) -> dict[str, float]:
    """What CloudWatch was told, summed up by metric."""
    cloudwatch: Any = world.stack.client("cloudwatch")
    now = datetime.now(UTC)
    period = {"StartTime": now - timedelta(hours=1), "EndTime": now + timedelta(hours=1), "Period": 7200}
    told = {}
    for metric in cloudwatch.list_metrics(Namespace=NAMESPACE)["Metrics"]:
        name = metric["MetricName"]
        found = cloudwatch.get_metric_statistics(Namespace=NAMESPACE, MetricName=name, Statistics=["Sum"], **period)
        told[name] = sum(point["Sum"] for point in found["Datapoints"])
    return told


def test_a_day_costs_two_minutes_of_two_workers(world: World) -> None:
    world.upload("2026-11-19", rows=CUSTOMERS)
    ended = world.run_day(
        "2026-11-19", settings={"max_requests_per_second": RATE, "metrics_namespace": NAMESPACE, "dpu_hour_usd": 0.44}
    )
    assert ended.exit_code == 0, ended.log[-3000:]
    summary = ended.summary

    glue = world.stack.client("glue")
    runs = [glue.get_job_run(JobName=run["job"], RunId=run["id"])["JobRun"] for run in summary["glue_runs"]]
    assert [run["JobName"] for run in runs] == ["engagement-score-users", "engagement-push-scores"]
    assert [(run["WorkerType"], run["NumberOfWorkers"]) for run in runs] == [("G.1X", DPU)] * 2
    seconds = [run["ExecutionTime"] for run in runs]
    billed = DPU * sum(max(60, each) for each in seconds)
    assert (billed == LEAST) == (max(seconds) <= 60)  # a slow machine may take longer, and is then billed for it
    assert sum(run["dpu_seconds"] for run in summary["glue_runs"]) == billed
    assert summary["cost_usd"] == round(billed / 3600 * 0.44, 4)
    assert report.usd(summary["cost_usd"]) in (world.output / summary["report_key"]).read_text()

    # The push keeps to its rate, so that sending takes 20 s of the minute that is billed anyway.
    assert summary["posts"] == CUSTOMERS
    assert CUSTOMERS / RATE - 1 <= summary["throughput"]["active_seconds"] <= seconds[1] + 1
    assert CUSTOMERS / RATE + 30 < 60

    assert metrics(world) == {
        "RunsSucceeded": 1,
        "CustomersDelivered": CUSTOMERS,
        "CustomersNotReached": 0,
        "CostUsd": summary["cost_usd"],
    }
