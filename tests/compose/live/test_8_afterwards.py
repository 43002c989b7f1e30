"""Invariants at the end of all tests, whatever happened before."""

from typing import Any

from tests.compose.airflow_api import DAG
from tests.compose.pipeline import ACTIVE, Pipeline


def test_the_crm_has_each_users_latest_pushed_score(pipeline: Pipeline) -> None:
    pushed = sorted({summary["score_date"] for summary in pipeline.summaries() if summary["mode"] != "dry_run"})
    assert len(pushed) >= 10
    expected: dict[str, str] = {}
    for day in pushed:
        expected |= pipeline.scores(day)
    assert pipeline.stack.emulators.crm("GET", "state") == expected


def test_no_update_was_applied_twice(pipeline: Pipeline) -> None:
    """Each delivered user of a date was updated once, whatever the number of requests and their keys."""
    last_summaries: dict[str, dict[str, Any]] = {}
    for summary in sorted(pipeline.summaries(), key=lambda summary: summary["glue_runs"][-1]["started_at"]):
        if summary["mode"] != "dry_run":
            last_summaries[summary["score_date"]] = summary
    delivered = sum(summary["outcomes"]["delivered"] for summary in last_summaries.values())
    assert pipeline.stack.emulators.crm("GET", "stats")["applied"] == delivered > 500


def test_every_run_has_a_summary(pipeline: Pipeline) -> None:
    assert {summary["run_id"] for summary in pipeline.summaries()} == set(pipeline.airflow.runs())


def test_no_glue_run_is_active(pipeline: Pipeline) -> None:
    glue, outputs = pipeline.stack.emulators.client("glue"), pipeline.stack.emulators.outputs
    for job in (outputs["ScoreJobName"], outputs["PushJobName"]):
        for page in glue.get_paginator("get_job_runs").paginate(JobName=job):
            assert not [run["Id"] for run in page["JobRuns"] if run["JobRunState"] in ACTIVE]


def test_no_task_is_stuck(pipeline: Pipeline) -> None:
    assert {run["state"] for run in pipeline.airflow.runs().values()} == {"success"}
    states = "&".join(f"state={state}" for state in ("queued", "running", "deferred", "up_for_retry"))
    stuck = pipeline.airflow.call("GET", f"dags/{DAG}/dagRuns/~/taskInstances?{states}")
    assert stuck["total_entries"] == 0
