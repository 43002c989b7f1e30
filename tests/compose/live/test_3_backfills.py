"""Backfills over days that were done already, were not, are too old, or go backwards."""

from typing import Any

from tests.compose.live.conftest import USERS
from tests.compose.live.test_2_runs import EVERYBODY
from tests.compose.world import World


def attempts(world: World, *days: str) -> list[int]:
    """How often the last task of each day's run was tried."""
    runs = [world.run_of(day) for day in days]
    return [world.airflow.tasks(run)["summarize_responses"]["try_number"] for run in runs]


def outcomes(summary: dict[str, Any]) -> dict[str, int]:
    """The outcomes that there were."""
    return {outcome: rows for outcome, rows in summary["outcomes"].items() if rows}


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
    backfill = world.airflow.backfill(*days, reprocess_behavior="completed", dag_run_conf={"force": True})
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
