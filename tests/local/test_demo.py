"""The demo's eyes: it looks now and then, so whatever lasts only a moment may go by unseen."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from local import demo
from local.airflow_home import TASKS

NO_WORLD: Any = None  # asked only while a push is seen at work


class Home:
    """Airflow as it is found at one look after the other."""

    def __init__(self, *looks: dict[str, str]) -> None:
        self._looks = itertools.chain(looks, itertools.repeat(looks[-1]))

    def states(self) -> dict[str, str]:
        return next(self._looks)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.demo.time.sleep", lambda _: None)


def ended_after(looks: int) -> Callable[[], int | None]:
    count = itertools.count()
    return lambda: None if next(count) < looks else 0


def follow(home: Any, looks: int) -> list[str]:
    """Follow a run for so many looks; gives what was called."""
    called: list[str] = []
    demo.follow(
        home, NO_WORLD, ended_after(looks), lambda: called.append("arrive"), lambda: called.append("mend"), demo.Clock()
    )
    return called


def test_the_extract_arrives_once_while_the_sensor_waits() -> None:
    assert follow(Home({}, {"wait_for_activity": ""}, {"wait_for_activity": "deferred"}), 20) == ["arrive"]


@pytest.mark.parametrize("state", ["", "scheduled", "queued", "running"])
def test_it_does_not_arrive_before(state: str) -> None:
    assert follow(Home({"wait_for_activity": state}), 20) == []


def test_a_failed_push_is_mended_once() -> None:
    looks = [{"push_scores": state} for state in ("", "up_for_retry", "up_for_retry", "queued", "failed")]
    assert follow(Home(*looks), 20) == ["mend"]


def test_each_end_is_told_though_the_run_ended_between_two_looks(capsys: pytest.CaptureFixture[str]) -> None:
    follow(Home({"wait_for_activity": "deferred"}, dict.fromkeys(TASKS, "success")), 1)
    told = capsys.readouterr().out
    assert [task for task in TASKS if f"{task:<20} success" in told] == list(TASKS)
