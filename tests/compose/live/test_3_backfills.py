"""Backfills over days that were done already, were not, are too old, or go backwards."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tests.compose.live.conftest import USERS
from tests.compose.live.test_2_runs import EVERYBODY
from tests.compose.world import World
from tests.support.waiting import wait_until


def attempts(world: World, *days: str) -> list[int]:
    """How often the last task of each day's run was tried."""
    runs = [world.run_of(day) for day in days]
    return [world.airflow.tasks(run)["summarize_responses"]["try_number"] for run in runs]


def outcomes(summary: dict[str, Any]) -> dict[str, int]:
    """The outcomes that there were."""
    return {outcome: rows for outcome, rows in summary["outcomes"].items() if rows}


@contextmanager
def no_new_runs(world: World) -> Iterator[None]:
    """Let Airflow get no further with a backfill than to its own row: its runs wait for the end of the block."""
    database = ["docker", "exec", "-i", world.running.project.containers()["postgres"].id, "psql", "-qtU", "airflow"]
    with subprocess.Popen(database, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdin
        assert session.stdout
        session.stdin.write("BEGIN; LOCK TABLE backfill_dag_run IN EXCLUSIVE MODE; SELECT 'locked';\n")
        session.stdin.flush()
        assert session.stdout.readline().strip() == "locked"
        yield
        session.stdin.close()  # which rolls back, and so lets go


def test_a_broken_day_fails(world: World) -> None:
    day = world.day(4)
    world.arrive_broken(day)
    (summary,) = world.finish_backfill(world.airflow.backfill(day, day, dag_run_conf=EVERYBODY), day, state="failed")
    assert summary["findings"][0]["task"] == "check_activity"


def test_reprocess_none_touches_nothing(world: World) -> None:
    days = [world.day(back) for back in (4, 2, 1, 0)]
    before = attempts(world, *days)
    world.finish_backfill(world.airflow.backfill(days[0], days[-1], reprocess_behavior="none"))
    assert attempts(world, *days) == before
    assert "failed" in {run["state"] for run in world.airflow.runs().values()}


def test_reprocess_failed_mends_the_broken_day_alone(world: World) -> None:
    broken, *done = [world.day(back) for back in (4, 2, 1, 0)]
    before = attempts(world, *done)
    world.arrive(broken, USERS + 40)
    backfill = world.airflow.backfill(broken, done[-1], reprocess_behavior="failed")
    (summary,) = world.finish_backfill(backfill, broken)
    assert attempts(world, *done) == before
    # The run was made with a push mode, and keeps it. Only those are told of whom the CRM knows nothing later.
    assert outcomes(summary) == {"delivered": 20, "superseded": USERS + 20}


def test_reprocess_completed_sends_nothing_twice(world: World) -> None:
    days = [world.day(1), world.day()]
    before, posts = attempts(world, *days), world.posts()
    backfill = world.airflow.backfill(*days, reprocess_behavior="completed", dag_run_conf={"resend_delivered": True})
    summaries = world.finish_backfill(backfill, *days)
    assert attempts(world, *days) == [number + 1 for number in before]
    scheduled = world.airflow.runs()[world.run_of(world.day())]
    # A run that is done again keeps its id and its own conf, whatever the backfill was started with.
    assert (scheduled["run_type"], scheduled["dag_run_id"][:11]) == ("backfill", "scheduled__")
    assert scheduled["conf"] == {}
    assert outcomes(summaries[1]) == {"delivered": USERS}
    assert set(outcomes(summaries[0])) <= {"delivered", "superseded"}  # as it was told before the day after it, or not
    assert world.posts() == posts


def test_old_days_are_planned_only(world: World) -> None:
    days, posts = [world.day(7), world.day(6)], world.posts()
    for users, day in zip((USERS + 60, USERS + 50), days, strict=True):
        world.arrive(day, users)
    summaries = world.finish_backfill(world.airflow.backfill(*days), *days)
    assert [summary["mode"] for summary in summaries] == ["dry_run", "dry_run"]
    assert [outcomes(summary)["planned"] for summary in summaries] == [20, 10]
    assert world.posts() == posts


def test_a_backfill_that_airflow_takes_for_done_too_early(world: World) -> None:
    """Airflow 3.2.1 commits a backfill before its runs: a scheduler that looks in between finds none left to do."""
    days, posts = [world.day(8), world.day(5)], world.posts()
    for day in days:
        world.arrive(day, USERS)
    known = len(world.airflow.backfills())
    with ThreadPoolExecutor(1) as others:
        with no_new_runs(world):
            backfill = others.submit(world.airflow.backfill, *days, max_active_runs=1)
            wait_until(lambda: len(world.airflow.backfills()) > known, "the backfill")
            number = max(world.airflow.backfills())
            wait_until(lambda: world.airflow.backfill_is_done(number), "the backfill to be taken for done")
        assert backfill.result() == number
    # It cannot be paused or cancelled any more. Its runs go on, one at a time, and the days between are left alone.
    summaries = world.finish_backfill(number, *days)
    assert [summary["mode"] for summary in summaries] == ["dry_run", "dry_run"]
    first, second = (world.airflow.runs()[world.run_of(day)] for day in days)
    assert first["end_date"] <= second["start_date"]
    assert world.posts() == posts


def test_backwards_with_a_push_mode(world: World) -> None:
    days = [world.day(7), world.day(6)]
    backfill = world.airflow.backfill(*days, reprocess_behavior="completed", run_backwards=True, max_active_runs=1)
    planned = world.finish_backfill(backfill, *days)
    assert [summary["mode"] for summary in planned] == ["dry_run", "dry_run"]  # no conf of its own

    earlier = [world.day(10), world.day(9)]
    for users, day in zip((USERS + 80, USERS + 70), earlier, strict=True):
        world.arrive(day, users)
    backfill = world.airflow.backfill(*earlier, run_backwards=True, max_active_runs=1, dag_run_conf=EVERYBODY)
    older, newer = world.finish_backfill(backfill, *earlier)
    began = [world.airflow.runs()[world.run_of(day)]["start_date"] for day in earlier]
    assert began[0] > began[1]
    assert outcomes(newer) == {"delivered": 30, "superseded": USERS + 40}
    assert outcomes(older) == {"delivered": 10, "superseded": USERS + 70}
