"""Waiting is told now and then, and not for ever."""

from __future__ import annotations

import io
import time

import pytest

from infra.deploy.errors import DeployError
from infra.deploy.progress_log import ProgressLog


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("terminal", "least", "most"), [(True, 20, 30), (False, 2, 3)])
def test_waiting_is_told_more_often_to_a_person(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, least: int, most: int
) -> None:
    clock, out = Clock(monkeypatch), io.StringIO()
    ProgressLog(out, terminal=terminal).wait_until_done(lambda: "a stack" if clock.now < 150 else None, 600, "")
    assert least <= out.getvalue().count("a stack") <= most


def test_what_takes_too_long_is_given_up_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    with pytest.raises(DeployError, match=r"waited 10 min: a stack\. Look there"):
        ProgressLog(io.StringIO(), terminal=False).wait_until_done(lambda: "a stack", 600, "Look there")
