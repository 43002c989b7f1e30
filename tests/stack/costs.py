"""The cost of a day with 10,000 users: Glue's job runs, summary, report and metrics agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from engagement.summary.number_formats import usd
from tests.stack.conftest import Ended, World

USERS, RATE = 10_000, 500
USD = 0.44  # per DPU-hour
SETTINGS = {"max_requests_per_second": RATE, "metrics_namespace": "Engagement/cost", "dpu_hour_usd": USD}
DPU = 2  # of each job: two G.1X workers
MIN_DPU_SECONDS = 2 * DPU * 60  # Glue's minimum for two jobs


def check_costs(world: World, day: Ended) -> None:
    """Check the first run with SETTINGS."""
    summary = day.summary
    glue = world.stack.client("glue")
    runs = [glue.get_job_run(JobName=run["job"], RunId=run["id"])["JobRun"] for run in summary["glue_runs"]]
    assert [run["JobName"] for run in runs] == ["engagement-score-users", "engagement-push-scores"]
    assert [(run["WorkerType"], run["NumberOfWorkers"]) for run in runs] == [("G.1X", DPU)] * 2
    seconds = [run["ExecutionTime"] for run in runs]
    billed = DPU * sum(max(60, each) for each in seconds)
    assert (billed == MIN_DPU_SECONDS) == (max(seconds) <= 60)  # a slow machine is billed for more
    assert sum(run["dpu_seconds"] for run in summary["glue_runs"]) == billed
    assert summary["cost_usd"] == round(billed / 3600 * USD, 4)
    assert usd(summary["cost_usd"]) in (world.output / summary["report_key"]).read_text()

    # Sending at the rate limit takes 20 s of the minute that is billed as a minimum.
    assert summary["posts"] == USERS
    assert USERS / RATE - 1 <= summary["throughput"]["active_seconds"] <= seconds[1] + 1
    assert USERS / RATE + 30 < 60

    assert _metrics(world) == {
        "RunsSucceeded": 1,
        "UsersDelivered": USERS,
        "UsersNotReached": 0,
        "CostUsd": summary["cost_usd"],
    }


def _metrics(world: World) -> dict[str, float]:
    cloudwatch: Any = world.stack.client("cloudwatch")
    now = datetime.now(UTC)
    period = {"StartTime": now - timedelta(hours=1), "EndTime": now + timedelta(hours=1), "Period": 7200}
    sums = {}
    for metric in cloudwatch.list_metrics(Namespace=SETTINGS["metrics_namespace"])["Metrics"]:
        name = metric["MetricName"]
        found = cloudwatch.get_metric_statistics(
            Namespace=SETTINGS["metrics_namespace"], MetricName=name, Statistics=["Sum"], **period
        )
        sums[name] = sum(point["Sum"] for point in found["Datapoints"])
    return sums
