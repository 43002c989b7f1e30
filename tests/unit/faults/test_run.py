"""Each scenario runs once on some worker, and a failing worker ends the run."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults import run
from tests.faults.scenario import Expected, Range, Scenario

EXPECTED = Expected({}, Range(0, 0))
SCENARIOS = [
    Scenario(f"scenario-{number}", "nothing", EXPECTED, "core" if number % 2 else "glue") for number in range(9)
]


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Log of started and ended workers, which do nothing."""
    log: list[str] = []

    @contextlib.contextmanager
    def worker(folder: Path) -> Iterator[Any]:
        log.append(f"start {folder.name}")
        try:
            yield SimpleNamespace(name=folder.name)
        finally:
            log.append(f"end {folder.name}")

    monkeypatch.setattr(run, "WORKERS", {"core": worker, "glue": worker})
    return log


def test_each_scenario_runs_once_on_its_kind(
    workers: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run, "run_scenario", lambda _, worker: worker.name.partition("-")[0])
    reported: list[str] = []
    measured: Mapping[str, object] = run.run_matrix(
        SCENARIOS, tmp_path, 3, lambda scenario, _: reported.append(scenario.name)
    )
    assert measured == {scenario.name: scenario.kind for scenario in SCENARIOS}
    assert list(measured) == [scenario.name for scenario in SCENARIOS]
    assert sorted(reported) == sorted(measured)
    names = [f"{kind}-{number}" for kind in ("core", "glue") for number in range(3)]
    assert sorted(workers) == sorted(f"{what} {name}" for what in ("start", "end") for name in names)


def test_a_failing_worker_ends_the_run(workers: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broke = threading.Event()
    ran: list[str] = []

    def run_scenario(scenario: Scenario, _: Any) -> None:
        ran.append(scenario.name)
        if scenario.name == "scenario-1":
            broke.set()
            raise RuntimeError("S3 is gone")
        broke.wait(10)
        threading.Event().wait(0.2)  # until the others are canceled

    monkeypatch.setattr(run, "run_scenario", run_scenario)
    scenarios = [scenario for scenario in SCENARIOS if scenario.kind == "core"]
    with pytest.raises(RuntimeError, match="S3 is gone"):
        run.run_matrix(scenarios, tmp_path, 2, lambda *_: None)
    assert len(ran) < len(scenarios)
    assert sorted(workers) == ["end core-0", "end core-1", "start core-0", "start core-1"]
