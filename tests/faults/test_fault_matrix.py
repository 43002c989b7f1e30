"""Every scenario of the fault matrix holds; `make faults` writes docs/reference/fault-matrix.md.

If `ENGAGEMENT_FAULT_MATRIX` names a file, a run of all scenarios writes the page there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.evidence import Measured
from tests.faults.page import page
from tests.faults.run import SCENARIOS, run_matrix
from tests.faults.scenario import Kind

pytestmark = pytest.mark.timeout(2400)
# Times and rates depend on the load of the machine; only `make faults` checks them.
_TIMES = ("seconds:", "requests per second:")


@pytest.fixture(scope="module")
def results() -> Iterator[dict[str, Measured]]:
    measured: dict[str, Measured] = {}
    yield measured
    path = os.environ.get("ENGAGEMENT_FAULT_MATRIX")
    if path and len(measured) == len(SCENARIOS):
        Path(path).write_text(page(SCENARIOS, measured), encoding="utf-8")


def run(kind: Kind, folders: pytest.TempPathFactory, results: dict[str, Measured]) -> dict[str, Measured]:
    scenarios = [scenario for scenario in SCENARIOS if scenario.kind == kind]
    results.update(run_matrix(scenarios, folders.mktemp(kind), 2, lambda *_: None))
    return results


@pytest.fixture(scope="module")
def http_results(tmp_path_factory: pytest.TempPathFactory, results: dict[str, Measured]) -> dict[str, Measured]:
    return run("core", tmp_path_factory, results)


@pytest.fixture(scope="module")
def glue_results(tmp_path_factory: pytest.TempPathFactory, results: dict[str, Measured]) -> dict[str, Measured]:
    return run("glue", tmp_path_factory, results)


def broken(measured: Measured) -> list[str]:
    return [what for what in measured.broken if not what.startswith(_TIMES)]


@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS if scenario.kind == "core"])
def test_http_scenario_holds(http_results: dict[str, Measured], name: str) -> None:
    assert broken(http_results[name]) == []


@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS if scenario.kind == "glue"])
def test_glue_scenario_holds(glue_results: dict[str, Measured], name: str) -> None:
    assert broken(glue_results[name]) == []
