"""What must be true when all is over, whatever the order in which it happened."""

from typing import Any

from tests.compose.airflow_api import DAG
from tests.compose.world import ACTIVE, World


def test_the_crm_has_each_users_latest_pushed_score(world: World) -> None:
    pushed = sorted({summary["score_date"] for summary in world.summaries() if summary["mode"] != "dry_run"})
    assert len(pushed) >= 10
    expected: dict[str, str] = {}
    for day in pushed:
        expected |= world.scores(day)
    assert world.running.world.crm("GET", "state") == expected


def test_no_update_was_applied_twice(world: World) -> None:
    """Whoever is delivered for a date was told once, under whatever key, and however often he was sent."""
    last: dict[str, dict[str, Any]] = {}
    for summary in sorted(world.summaries(), key=lambda summary: summary["glue_runs"][-1]["started_at"]):
        if summary["mode"] != "dry_run":
            last[summary["score_date"]] = summary
    delivered = sum(summary["outcomes"]["delivered"] for summary in last.values())
    assert world.running.world.crm("GET", "stats")["applied"] == delivered > 500


def test_every_run_left_its_summary(world: World) -> None:
    assert {summary["run_id"] for summary in world.summaries()} == set(world.airflow.runs())


def test_no_glue_run_is_left(world: World) -> None:
    glue, outputs = world.running.world.client("glue"), world.running.world.outputs
    for job in (outputs["ScoreJobName"], outputs["PushJobName"]):
        for page in glue.get_paginator("get_job_runs").paginate(JobName=job):
            assert not [run["Id"] for run in page["JobRuns"] if run["JobRunState"] in ACTIVE]


def test_no_task_is_stuck(world: World) -> None:
    assert {run["state"] for run in world.airflow.runs().values()} == {"success"}
    states = "&".join(f"state={state}" for state in ("queued", "running", "deferred", "up_for_retry"))
    stuck = world.airflow.call("GET", f"dags/{DAG}/dagRuns/~/taskInstances?{states}")
    assert stuck["total_entries"] == 0
