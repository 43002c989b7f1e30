"""Scheduled and manual runs, and a backfill beside them. Days and users are few: what counts is who is told what."""

from datetime import UTC, datetime

import requests

from tests.compose.airflow_api import run_path
from tests.compose.live.conftest import USERS
from tests.compose.world import World

TASKS = ("wait_for_activity", "check_activity", "score_users", "check_scores", "push_scores", "summarize_responses")
EVERYBODY = {"push_mode": "all"}  # chosen by hand: these dates may be older than max_push_age_days


def test_a_backfill_beside_the_scheduled_run(world: World) -> None:
    days = [world.day(2), world.day(1), world.day()]
    for back, day in enumerate(reversed(days)):
        world.arrive(day, USERS + 10 * back)
    world.airflow.await_dag()
    backfill = world.airflow.backfill(days[0], days[1], dag_run_conf=EVERYBODY, max_active_runs=2)
    world.airflow.unpause()  # which starts the scheduled run
    summaries = world.finish_backfill(backfill, *days)

    runs = [world.airflow.runs()[world.run_of(day)] for day in days]
    assert [run["run_type"] for run in runs] == ["backfill", "backfill", "scheduled"]
    assert runs[0]["start_date"] < runs[2]["end_date"]  # they were under way together
    assert runs[2]["start_date"] < runs[1]["end_date"]
    assert world.airflow.states(world.run_of(days[2])) == dict.fromkeys(TASKS, "success")
    # In whatever order they went, nobody was told an older score after a newer one.
    assert summaries[2]["outcomes"]["delivered"] == USERS
    for summary in summaries:
        outcomes = summary["outcomes"]
        assert outcomes["delivered"] + outcomes["superseded"] == summary["rows"]
    assert world.running.world.crm("GET", "stats")["users"] == USERS + 20


def test_a_run_without_a_logical_date(world: World) -> None:
    today = datetime.now(UTC).date().isoformat()
    world.arrive(today, USERS)
    (summary,) = world.finish(world.airflow.trigger())
    assert summary["score_date"] == today
    assert summary["outcomes"]["delivered"] == USERS


def test_a_run_with_a_score_date_sends_nothing_twice(world: World) -> None:
    before = world.posts()
    (summary,) = world.finish(world.airflow.trigger(score_date=world.day()))
    assert (summary["score_date"], summary["outcomes"]["delivered"]) == (world.day(), USERS)
    assert world.posts() == before


def test_a_run_with_a_logical_date_too_old_to_be_sent(world: World) -> None:
    before, day = world.posts(), world.day(3)
    world.arrive(day, USERS + 30)
    (summary,) = world.finish(world.airflow.trigger(f"{day}T03:00:00Z"))
    assert (summary["score_date"], summary["mode"]) == (day, "dry_run")
    assert "max_push_age_days=2" in summary["mode_reason"]
    # Those of whom the CRM knows a later score would not be told this one.
    assert summary["outcomes"]["planned"] == 10
    assert summary["outcomes"]["superseded"] == USERS + 20
    assert world.posts() == before


def test_the_report_opens_through_its_link(world: World) -> None:
    run_id = world.run_of(world.day())
    links = world.airflow.call("GET", f"{run_path(run_id)}/taskInstances/summarize_responses/links")
    url = links["extra_links"]["Delivery report"]
    assert url.startswith(world.running.url("FILES"))
    report = requests.get(url, timeout=30)
    assert report.ok
    assert f"{USERS} of {USERS}" in report.text
