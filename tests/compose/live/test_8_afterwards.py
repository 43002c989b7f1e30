"""What must be true when all is over, whatever the order in which it happened."""

from tests.compose.airflow_api import DAG
from tests.compose.world import ACTIVE, World


def test_the_crm_has_each_users_score_of_the_latest_date_that_was_pushed(world: World) -> None:
    pushed = sorted({summary["score_date"] for summary in world.summaries() if summary["mode"] != "dry_run"})
    assert len(pushed) >= 10
    expected: dict[str, str] = {}
    for day in pushed:
        expected |= world.scores(day)
    assert world.running.world.crm("GET", "state") == expected


def test_no_update_was_applied_twice(world: World) -> None:
    assert world.running.world.crm("GET", "stats")["duplicates"]["applied_per_key"] == 0


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
