"""Every line of the fault matrix holds; `make faults` writes docs/reference/fault-matrix.md."""

from __future__ import annotations

import pytest

from tests.faults.evidence import Measured
from tests.faults.run import SCENARIOS, run_matrix
from tests.faults.scenario import Kind

pytestmark = pytest.mark.timeout(2400)
# Times and rates depend on what else the machine does; `make faults` checks them too.
_TIMES = ("seconds:", "requests per second:")


def run(kind: Kind, folders: pytest.TempPathFactory) -> dict[str, Measured]:
    lines = [scenario for scenario in SCENARIOS if scenario.kind == kind]
    return run_matrix(lines, folders.mktemp(kind), 2, lambda *_: None)


@pytest.fixture(scope="module")
def http_lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    return run("core", tmp_path_factory)


@pytest.fixture(scope="module")
def glue_lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    return run("glue", tmp_path_factory)


def broken(measured: Measured) -> list[str]:
    return [what for what in measured.broken if not what.startswith(_TIMES)]


@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS if scenario.kind == "core"])
def test_line_about_http_holds(http_lines: dict[str, Measured], name: str) -> None:
    assert broken(http_lines[name]) == []


@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS if scenario.kind == "glue"])
def test_line_on_glue_holds(glue_lines: dict[str, Measured], name: str) -> None:
    assert broken(glue_lines[name]) == []
