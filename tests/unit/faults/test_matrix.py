"""Lines are shared out between stacks, each once, and an end of one is the end of all."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults import matrix
from tests.faults.scenario import Scenario

LINES = [Scenario(f"line-{number}", "nothing") for number in range(9)]


@pytest.fixture
def lanes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the lanes that were started and ended; no stack is started for them."""
    told: list[str] = []

    @contextlib.contextmanager
    def lane(folder: Path) -> Iterator[Any]:
        told.append(f"start {folder.name}")
        yield SimpleNamespace(name=folder.name)
        told.append(f"end {folder.name}")

    monkeypatch.setattr(matrix, "lane", lane)
    return told


def test_every_line_is_played_once_and_told(lanes: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(matrix, "play", lambda scenario, on: (scenario.name, on.name))
    told: list[str] = []
    found = matrix.run(LINES, tmp_path, 3, lambda scenario, _: told.append(scenario.name))
    assert list(found) == [scenario.name for scenario in LINES]
    assert sorted(told) == sorted(found)
    assert sorted(lanes) == sorted(f"{what} lane-{number}" for what in ("start", "end") for number in range(3))


def test_when_a_stack_breaks_down_the_others_end_with_their_line(
    lanes: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broke = threading.Event()
    played: list[str] = []

    def play(scenario: Scenario, _: Any) -> None:
        played.append(scenario.name)
        if scenario.name == "line-1":
            broke.set()
            raise RuntimeError("S3 is gone")
        broke.wait(10)
        threading.Event().wait(0.2)  # as long as it takes to hear of it

    monkeypatch.setattr(matrix, "play", play)
    with pytest.raises(RuntimeError, match="S3 is gone"):
        matrix.run(LINES, tmp_path, 2, lambda *_: None)
    assert len(played) < len(LINES)
    assert any(each.startswith("end") for each in lanes)
