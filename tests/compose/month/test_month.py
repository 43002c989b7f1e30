"""Backfills of 10,000 users a day: 30 days forward and 30 backward with a push mode, and ten days without one.

`make test-month` runs it, for the better part of an hour, and prints what became of the records.
"""

import time
from collections import Counter
from typing import Any

import pytest

from tests.compose.world import World

DAYS = 30
OLD_DAYS = 10
USERS = 10_000
HOURS = 3
pytestmark = pytest.mark.timeout(HOURS * 3600)


def backfill(world: World, youngest: int, count: int = DAYS, **options: Any) -> Counter[str]:
    """Backfill the days that end so many days ago; give the outcomes of all records."""
    days = [world.day(youngest + back) for back in reversed(range(count))]
    for day in days:
        world.arrive(day, USERS)
    began = time.monotonic()
    started = world.airflow.backfill(days[0], days[-1], max_active_runs=1, **options)
    summaries = world.finish_backfill(started, *days, limit=HOURS * 3600)
    outcomes: Counter[str] = Counter()
    for summary in summaries:
        outcomes.update(summary["outcomes"])
    assert sum(outcomes.values()) == count * USERS
    took = time.monotonic() - began
    told = ", ".join(f"{rows:,} {outcome}" for outcome, rows in outcomes.items() if rows)
    print(f"\n{days[0]} to {days[-1]} {options}: {told}; {took / 60:.1f} min, {took / count:.0f} s a day", flush=True)
    return +outcomes


def test_forward_everybody_is_told_each_day(world: World) -> None:
    outcomes = backfill(world, 2 * DAYS + 3, dag_run_conf={"push_mode": "all"})
    assert outcomes == {"delivered": DAYS * USERS}
    assert world.running.world.crm("GET", "state") == world.scores(world.day(2 * DAYS + 3))


def test_backward_nobody_is_told_an_older_score(world: World) -> None:
    outcomes = backfill(world, DAYS + 3, dag_run_conf={"push_mode": "all"}, run_backwards=True)
    assert outcomes == {"delivered": USERS, "superseded": (DAYS - 1) * USERS}
    assert world.running.world.crm("GET", "state") == world.scores(world.day(DAYS + 3))


def test_without_a_push_mode_old_days_are_not_sent(world: World) -> None:
    outcomes = backfill(world, 1, OLD_DAYS)
    # Yesterday and the day before are sent.
    assert outcomes == {"planned": (OLD_DAYS - 2) * USERS, "delivered": 2 * USERS}
    assert world.running.world.crm("GET", "state") == world.scores(world.day(1))
