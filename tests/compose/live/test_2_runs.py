"""Scheduled and manual runs, and a parallel backfill, with few days and users."""

from datetime import UTC, datetime

import requests

from tests.compose.airflow_api import run_path
from tests.compose.live.conftest import USERS
from tests.compose.pipeline import Pipeline

TASKS = ("wait_for_activity", "check_activity", "score_users", "check_scores", "push_scores", "summarize_responses")
PUSH_ALL = {"push_mode": "all"}  # explicit, because these dates may be older than max_push_age_days


def test_a_backfill_runs_in_parallel_with_the_scheduled_run(pipeline: Pipeline) -> None:
    days = [pipeline.day(2), pipeline.day(1), pipeline.day()]
    for back, day in enumerate(reversed(days)):
        pipeline.upload_extract(day, USERS + 10 * back)
    pipeline.airflow.wait_for_dag()
    backfill = pipeline.airflow.backfill(days[0], days[1], dag_run_conf=PUSH_ALL, max_active_runs=2)
    pipeline.airflow.unpause()  # starts the scheduled run
    summaries = pipeline.finish_backfill(backfill, *days)

    runs = [pipeline.airflow.runs()[pipeline.run_id_of(day)] for day in days]
    assert [run["run_type"] for run in runs] == ["backfill", "backfill", "scheduled"]
    assert runs[0]["start_date"] < runs[2]["end_date"]  # they overlapped
    assert runs[2]["start_date"] < runs[1]["end_date"]
    assert pipeline.airflow.states(pipeline.run_id_of(days[2])) == dict.fromkeys(TASKS, "success")
    # In any order of the runs, no user gets an older score after a newer one.
    assert summaries[2]["outcomes"]["delivered"] == USERS
    for summary in summaries:
        outcomes = summary["outcomes"]
        assert outcomes["delivered"] + outcomes["superseded"] == summary["rows"]
    assert pipeline.stack.emulators.crm("GET", "stats")["users"] == USERS + 20


def test_a_run_without_a_logical_date_scores_today(pipeline: Pipeline) -> None:
    today = datetime.now(UTC).date().isoformat()
    pipeline.upload_extract(today, USERS)
    (summary,) = pipeline.finish(pipeline.airflow.trigger())
    assert summary["score_date"] == today
    assert summary["outcomes"]["delivered"] == USERS


def test_a_run_with_a_score_date_sends_nothing_twice(pipeline: Pipeline) -> None:
    before = pipeline.request_count()
    (summary,) = pipeline.finish(pipeline.airflow.trigger(score_date=pipeline.day()))
    assert (summary["score_date"], summary["outcomes"]["delivered"]) == (pipeline.day(), USERS)
    assert pipeline.request_count() == before


def test_a_run_with_an_old_logical_date_is_a_dry_run(pipeline: Pipeline) -> None:
    before, day = pipeline.request_count(), pipeline.day(3)
    pipeline.upload_extract(day, USERS + 30)
    (summary,) = pipeline.finish(pipeline.airflow.trigger(f"{day}T03:00:00Z"))
    assert (summary["score_date"], summary["mode"]) == (day, "dry_run")
    assert "max_push_age_days=2" in summary["mode_reason"]
    # Users with a later score in the CRM would not get this one.
    assert summary["outcomes"]["planned"] == 10
    assert summary["outcomes"]["superseded"] == USERS + 20
    assert pipeline.request_count() == before


def test_the_link_opens_the_report(pipeline: Pipeline) -> None:
    run_id = pipeline.run_id_of(pipeline.day())
    links = pipeline.airflow.call("GET", f"{run_path(run_id)}/taskInstances/summarize_responses/links")
    url = links["extra_links"]["Delivery report"]
    assert url.startswith(pipeline.stack.url("FILES"))
    report = requests.get(url, timeout=30)
    assert report.ok
    assert f"{USERS} of {USERS}" in report.text
