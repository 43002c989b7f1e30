"""Days that fail: with a message for the on-call engineer, and with nothing sent in error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from local.airflow_home import AirflowHome
from tests.stack.conftest import Ended, World
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(1200)


def parquet(folder: Path, columns: str) -> bytes:
    path = folder / "bad.parquet"
    duckdb.table_function("range", [50]).project("range as i").project(columns).write_parquet(str(path))
    return path.read_bytes()


def check_failed(world: World, ended: Ended, score_date: str, task: str, *words: str) -> None:
    """Check that the run failed at `task` with `words` in its message, and left no delivery manifest of its own."""
    assert ended.exit_code == 1
    assert ended.states[task] == "failed"
    assert ended.states["summarize_responses"] == "failed"
    assert ended.summary["status"] == "failed"
    cause = ended.summary["findings"][0]
    assert cause["task"] == task
    text = f"{cause['detail']} {cause['advice']}"
    for word in words:
        assert word in text, text
    # The task's log leads with that cause.
    assert f"AirflowFailException: {ended.summary['headline'][:40]}" in ended.log
    assert (world.output / ended.summary["report_key"]).exists()
    assert not (world.output / "responses" / f"dt={score_date}" / "_manifest.json").exists() or task == "push_scores"


def check_nothing_scored(world: World, score_date: str) -> None:
    assert not (world.output / "scores" / f"dt={score_date}" / "_manifest.json").exists()
    assert world.crm_stats()["requests"] == 0


def test_a_missing_extract_fails_after_the_timeout(world: World) -> None:
    # Only a scheduler times out a deferred task, and none runs here, so the sensor waits in the worker.
    with world.subscribed() as received:
        ended = world.run_day("2026-10-01", config={"sensor_timeout_seconds": 3, "deferrable": False})
        (message,) = received()
    check_failed(world, ended, "2026-10-01", "wait_for_activity", "activity/dt=2026-10-01/activity.parquet")
    check_nothing_scored(world, "2026-10-01")
    assert message["Subject"] == "FAILED engagement scores 2026-10-01: wait_for_activity failed"
    assert message["Message"].startswith(ended.summary["headline"])
    assert ended.summary["report_url"] in message["Message"]
    assert message["MessageAttributes"]["run_type"]["Value"] == "manual"


def test_an_empty_extract_fails_the_check(world: World) -> None:
    world.put("2026-10-02", b"")
    ended = world.run_day("2026-10-02")
    check_failed(world, ended, "2026-10-02", "check_activity", "0 bytes")
    check_nothing_scored(world, "2026-10-02")


def test_an_extract_that_is_not_parquet_fails_the_check(world: World) -> None:
    world.put("2026-10-03", b"user_id,login_count\nU1,3\n" * 20)
    ended = world.run_day("2026-10-03")
    check_failed(world, ended, "2026-10-03", "check_activity", "PAR1")
    check_nothing_scored(world, "2026-10-03")


GOOD = (
    "'U' || i as user_id, 1 as login_count, 2 as items_viewed, 3.5::double as time_spent_minutes, 4 as cart_additions"
)


@pytest.mark.parametrize(
    ("score_date", "columns", "words"),
    [
        (
            "2026-10-04",
            GOOD.replace("2 as items_viewed, ", ""),
            ["column items_viewed is missing", "expected an integer"],
        ),
        (
            "2026-10-06",
            GOOD.replace("3.5::double", "-1.0::double"),
            ["50 of 50 rows are invalid", "time_spent_minutes_negative"],
        ),
    ],
)
def test_an_extract_that_cannot_be_scored_fails(world: World, score_date: str, columns: str, words: list[str]) -> None:
    world.put(score_date, parquet(world.folder, columns))
    ended = world.run_day(score_date)
    check_failed(world, ended, score_date, "score_users", *words)
    check_nothing_scored(world, score_date)


def test_a_damaged_page_is_one_line(world: World) -> None:
    body = parquet(world.folder, GOOD)
    world.put("2026-10-05", body[:4] + bytes(20) + body[24:])
    ended = world.run_day("2026-10-05")
    line = "SchemaError: s3://.*/activity.parquet: column user_id cannot be read: the file is likely damaged (.*)"
    check_failed(world, ended, "2026-10-05", "score_users")
    assert re.search(line, ended.summary["headline"])
    assert "\n" not in ended.summary["headline"]
    check_nothing_scored(world, "2026-10-05")


@pytest.mark.parametrize(
    ("score_date", "fault", "task", "message"),
    [
        ("2026-10-07", {"down": True}, "check_activity", "503"),
        ("2026-10-08", {"revoked": True}, "push_scores", "refuses the token: http_401 for 3 users"),
    ],
)
def test_an_unusable_crm_stops_the_run(
    world: World, score_date: str, fault: dict[str, Any], task: str, message: str
) -> None:
    world.upload(score_date, rows=1000)
    world.stack.crm("PUT", "faults", json=fault)
    ended = world.run_day(score_date)
    check_failed(world, ended, score_date, task, message)
    assert world.crm_stats()["requests"] <= 10  # no more than the canary's first stages
    assert world.crm_scores() == {}


def test_a_later_run_completes_a_day_with_an_outage(world: World) -> None:
    world.upload("2026-10-09", rows=1000)
    world.stack.crm("PUT", "faults", json={"down": True, "after": 400})
    ended = world.run_day("2026-10-09", settings={"max_concurrency": 16})

    check_failed(world, ended, "2026-10-09", "push_scores", "No healthy response from the CRM")
    assert ended.summary["outcomes"]["delivered"] == 400
    assert ended.summary["outcomes"]["deferred"] == 600
    # Each of the four tasks pauses after 20 failures in a row, with at most 16 more in flight, and probes twice.
    assert world.crm_stats()["requests"] < 600

    world.stack.crm("DELETE", "faults")
    later = world.run_day("2026-10-09")
    assert later.exit_code == 0, later.log[-3000:]
    assert later.summary["outcomes"]["delivered"] == 1000
    assert world.crm_stats()["users"] == 1000
    assert world.crm_stats()["duplicates"]["applied_per_key"] == 0


def test_the_retry_of_the_task_sends_open_users(world: World) -> None:
    world.upload("2026-10-10", rows=2000)
    world.stack.crm("PUT", "faults", data="503-half")

    def end_fault(home: AirflowHome) -> None:
        def states() -> list[str]:
            return [run["JobRunState"] for run in world.push_runs("2026-10-10")]

        wait_until(
            lambda: states() == ["FAILED"], "the push job to fail", lambda: f"{home.states()}", every=0.2, limit=300
        )
        world.stack.crm("DELETE", "faults")

    ended = world.run_day(
        "2026-10-10",
        settings={"unavailable_timeout_seconds": 60},
        config={"push_retries": 1, "push_retry_delay_seconds": 5},
        meanwhile=end_fault,
    )

    assert ended.exit_code == 0, ended.log[-3000:]
    assert ended.states["push_scores"] == "success"
    assert ended.summary["outcomes"]["delivered"] == len(world.crm_scores()) == 2000
    first, second = ended.summary["attempts"]
    assert second["posts"] < 2000 < first["posts"]
    assert first["posts"] + second["posts"] == ended.summary["posts"] == world.crm_stats()["requests"]
    assert world.crm_stats()["duplicates"]["applied_per_user"] == 0
