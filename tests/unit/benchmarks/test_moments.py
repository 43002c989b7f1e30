"""Pace from the moments at which requests were sent."""

from __future__ import annotations

from benchmarks.push.moments import busiest_second, steady_rate


def test_the_slow_start_does_not_count() -> None:
    slow, steady = [0.0, 1.0, 1.5], [2.0 + number / 500 for number in range(5_001)]
    assert round(steady_rate([*slow, *steady]), 6) == 500


def test_the_busiest_second_is_found_wherever_it_begins() -> None:
    assert busiest_second([0.0, 0.9, 1.0, 1.5, 1.8, 1.9, 2.0, 4.0]) == 5
    assert busiest_second([0.0, 1.0, 2.0]) == 1
