"""Every scenario of the fault matrix holds; `make faults` writes docs/reference/fault-matrix.md."""

from __future__ import annotations

import pytest

from tests.faults.evidence import Measured
from tests.faults.run import SCENARIOS, run_matrix
from tests.faults.scenario import Kind

pytestmark = pytest.mark.timeout(2400)
# Times and rates depend on the load of the machine; only `make faults` checks them.
_TIMES = ("seconds:", "requests per second:")


def run(kind: Kind, folders: pytest.TempPathFactory) -> dict[str, Measured]:
    scenarios = [scenario for scenario in SCENARIOS if scenario.kind == kind]
    return run_matrix(scenarios, folders.mktemp(kind), 2, lambda *_: None)


@pytest.fixture(scope="module")
def http_results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    return run("core", tmp_path_factory)


@pytest.fixture(scope="module")
def glue_results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    return run("glue", tmp_path_factory)


def broken(measured: Measured) -> list[str]:
    return [what for what in measured.broken if not what.startswith(_TIMES)]


@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS if scenario.kind == "core"])
def test_http_scenario_holds(http_results: dict[str, Measured], name: str) -> None:
    assert broken(http_results[name]) == []


@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS if scenario.kind == "glue"])
def test_glue_scenario_holds(glue_results: dict[str, Measured], name: str) -> None:
    assert broken(glue_results[name]) == []
