"""Progress lines while the tool waits, and the timeout."""

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


@pytest.mark.parametrize(("terminal", "min_lines", "max_lines"), [(True, 20, 30), (False, 2, 3)])
def test_a_terminal_gets_more_lines_than_a_log(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, min_lines: int, max_lines: int
) -> None:
    clock, out = Clock(monkeypatch), io.StringIO()
    ProgressLog(out, terminal=terminal).wait_until_done(lambda: "a stack" if clock.now < 150 else None, 600, "")
    assert min_lines <= out.getvalue().count("a stack") <= max_lines


def test_a_timeout_reports_what_was_pending_and_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    with pytest.raises(DeployError, match=r"timed out after 10 min: a stack\. Check the console"):
        ProgressLog(io.StringIO(), terminal=False).wait_until_done(lambda: "a stack", 600, "Check the console")
