"""A third of the fault matrix; `make faults` runs all of it and writes docs/fault-matrix.md."""

from __future__ import annotations

import pytest

from tests.faults.__main__ import chosen
from tests.faults.matrix import run
from tests.faults.measured import Measured

pytestmark = pytest.mark.timeout(2400)

LINES = (
    "none",
    "503-half",
    "unreachable",
    "429-half-rate",
    "retry-after-date",
    "reset-after",
    "answers-html",
    "stored-500",
    "redirect",
    "token-revoked-midway",
    "token-rotated",
    "kill-worker",
    "kill-job-50",
    "s3-slow",
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    return run(chosen(list(LINES)), tmp_path_factory.mktemp("faults"), lanes=2, tell=lambda *_: None)


@pytest.mark.parametrize("name", LINES)
def test_what_is_promised_holds(measured: dict[str, Measured], name: str) -> None:
    # How long it takes depends on what else this machine does; `make faults` looks at that too.
    assert [what for what in measured[name].broken if not what.startswith("seconds:")] == []
