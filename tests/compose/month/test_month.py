"""Backfills of 10,000 users a day: 30 days forward and 30 backward with a push mode, and ten days without one.

`make test-month` runs them, which takes most of an hour, and prints the outcomes.
"""

import time
from collections import Counter
from typing import Any

import pytest

from tests.compose.pipeline import Pipeline

DAYS = 30
OLD_DAYS = 10
USERS = 10_000
HOURS = 3
pytestmark = pytest.mark.timeout(HOURS * 3600)


def backfill(pipeline: Pipeline, newest: int, count: int = DAYS, **options: Any) -> Counter[str]:
    """Backfill `count` days; return the outcomes of all users.

    :param newest: the last of these days, as the number of days before the last scheduled run
    :param options: options of the backfill request
    """
    days = [pipeline.day(newest + back) for back in reversed(range(count))]
    for day in days:
        pipeline.upload_extract(day, USERS)
    started_at = time.monotonic()
    backfill_id = pipeline.airflow.backfill(days[0], days[-1], max_active_runs=1, **options)
    summaries = pipeline.finish_backfill(backfill_id, *days, limit=HOURS * 3600)
    outcomes: Counter[str] = Counter()
    for summary in summaries:
        outcomes.update(summary["outcomes"])
    assert sum(outcomes.values()) == count * USERS
    seconds = time.monotonic() - started_at
    counts = ", ".join(f"{rows:,} {outcome}" for outcome, rows in outcomes.items() if rows)
    print(
        f"\n{days[0]} to {days[-1]} {options}: {counts}; {seconds / 60:.1f} min, {seconds / count:.0f} s a day",
        flush=True,
    )
    return +outcomes


def test_a_forward_backfill_sends_every_user_each_day(pipeline: Pipeline) -> None:
    outcomes = backfill(pipeline, 2 * DAYS + 3, dag_run_conf={"push_mode": "all"})
    assert outcomes == {"delivered": DAYS * USERS}
    assert pipeline.stack.emulators.crm("GET", "state") == pipeline.scores(pipeline.day(2 * DAYS + 3))


def test_a_backward_backfill_sends_no_older_score(pipeline: Pipeline) -> None:
    outcomes = backfill(pipeline, DAYS + 3, dag_run_conf={"push_mode": "all"}, run_backwards=True)
    assert outcomes == {"delivered": USERS, "superseded": (DAYS - 1) * USERS}
    assert pipeline.stack.emulators.crm("GET", "state") == pipeline.scores(pipeline.day(DAYS + 3))


def test_a_backfill_without_a_push_mode_sends_no_old_days(pipeline: Pipeline) -> None:
    outcomes = backfill(pipeline, 1, OLD_DAYS)
    # Only yesterday and the day before are recent enough.
    assert outcomes == {"planned": (OLD_DAYS - 2) * USERS, "delivered": 2 * USERS}
    assert pipeline.stack.emulators.crm("GET", "state") == pipeline.scores(pipeline.day(1))
