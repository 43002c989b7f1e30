"""A day's recorded times become consecutive steps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.day import benchmark as day
from benchmarks.day.timeline import AIRFLOW, STEPS, Day, JobTimes, seconds
from benchmarks.results import Figures

DAY = Day(
    visible=100.0,
    tasks={
        "wait_for_activity": (60, 104),  # the time before the extract does not count
        "check_activity": (107, 110.5),
        "score_users": (112, 130),
        "check_scores": (132, 135),
        "push_scores": (138, 166),
        "summarize_responses": (168, 173),
    },
    score=JobTimes(started=115, running=120, completed=124),
    push=JobTimes(started=140, running=145, completed=161.5),
    first_request=148,
    last_answer=158.5,
    summary=172,
)


def test_the_steps_are_consecutive_and_add_up() -> None:
    found = seconds(DAY)
    assert found == [4, 3, 3.5, 4.5, 5, 4, 6, 2, 3, 5, 5, 3, 10.5, 3, 4.5, 2, 4]
    assert sum(found) == DAY.summary - DAY.visible


def test_times_in_the_wrong_order_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"push_scores: the push job sends: ended 0\.500 s before it began"):
        seconds(replace(DAY, last_answer=147.5))


def test_totals_are_summed_within_each_day() -> None:
    days = [seconds(DAY), seconds(replace(DAY, visible=101.0, summary=175.0))]
    figures: Figures = {
        day.DAY: {step.name: {"seconds": list(took)} for step, took in zip(STEPS, zip(*days, strict=True), strict=True)}
    }
    assert day.totals(figures) == [72.0, 74.0]
    assert day.totals(figures, AIRFLOW) == [31.0, 30.0]
