"""The demo polls the states of the tasks, so it may not see states that last only a moment."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from local import demo_progress
from local.airflow_home import TASKS

NO_STACK: Any = None  # used only while the push task runs


class Home:
    """An Airflow home that returns the next states at each poll."""

    def __init__(self, *polls: dict[str, str]) -> None:
        self._polls = itertools.chain(polls, itertools.repeat(polls[-1]))

    def states(self) -> dict[str, str]:
        return next(self._polls)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.demo_progress.time.sleep", lambda _: None)


def ended_after(polls: int) -> Callable[[], int | None]:
    count = itertools.count()
    return lambda: None if next(count) < polls else 0


def follow(home: Any, polls: int) -> list[str]:
    """Follow a run for a number of polls; return the names of the called functions."""
    called: list[str] = []
    demo_progress.follow_run(
        home,
        NO_STACK,
        ended_after(polls),
        lambda: called.append("upload_extract"),
        lambda: called.append("end_fault"),
        demo_progress.DemoLog(),
    )
    return called


def test_the_extract_is_uploaded_once_while_the_sensor_waits() -> None:
    assert follow(Home({}, {"wait_for_activity": ""}, {"wait_for_activity": "deferred"}), 20) == ["upload_extract"]


@pytest.mark.parametrize("state", ["", "scheduled", "queued", "running"])
def test_the_extract_is_not_uploaded_before(state: str) -> None:
    assert follow(Home({"wait_for_activity": state}), 20) == []


def test_the_fault_ends_when_the_push_will_be_retried() -> None:
    states = [{"push_scores": state} for state in ("", "up_for_retry", "up_for_retry", "queued", "failed")]
    assert follow(Home(*states), 20) == ["end_fault"]


def test_final_states_are_printed_if_the_run_ends_between_polls(capsys: pytest.CaptureFixture[str]) -> None:
    follow(Home({"wait_for_activity": "deferred"}, dict.fromkeys(TASKS, "success")), 1)
    output = capsys.readouterr().out
    assert [task for task in TASKS if f"{task:<20} success" in output] == list(TASKS)
