from __future__ import annotations

import time

import pytest

from engagement_jobs.delivery.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def line(progress: Progress, posts: int, settled: int) -> str:
    return progress.line(posts=posts, delivered=settled - 1, finished=settled, in_flight=7, limit=64, waiting=3)


def test_line_contains_all_numbers(clock: list[float]) -> None:
    progress = Progress("task 2", 2_500)
    clock[0] += 5
    assert line(progress, 1_050, 1_000) == (
        "task 2: 1,050 requests sent, 999 delivered of about 2,500 rows, 210/s, 7 in flight (limit 64), "
        "3 waiting for a retry, about 8 s left"
    )


@pytest.mark.parametrize(
    ("expected_rows", "left"),
    [(1_010, "about 0 s left"), (41_000, "about 3 min left"), (4_000_000, "about 5.6 h left")],
)
def test_time_left_uses_the_rate_since_the_last_line(clock: list[float], expected_rows: int, left: str) -> None:
    progress = Progress("task 0", expected_rows)
    clock[0] += 3600
    line(progress, 10, 10)
    clock[0] += 5
    assert line(progress, 1_010, 1_010).endswith(left)


def test_unknown_time_left_is_not_estimated(clock: list[float]) -> None:
    stuck = Progress("task 0", 100)
    clock[0] += 5
    assert line(stuck, 40, 0).endswith("time left unknown")
    assert "left" not in line(Progress("canary", None), 1, 1)
