"""The page shows expected next to measured."""

from __future__ import annotations

from dataclasses import replace

from tests.faults.evidence import Measured
from tests.faults.page import page, summary_line
from tests.faults.scenario import Expected, Range, Scenario, at_most, exactly

SCENARIO = Scenario(
    "half",
    "half of it fails",
    Expected(
        outcomes={"delivered": Range(5_000, 7_500), "deferred": Range(2_500, 5_000)},
        posts=exactly(12_000),
        ended="FAILED: open rows",
        seconds=at_most(90),
        lost=20,
        resumed={},
    ),
)
MEASURED = Measured(
    name="half",
    ended="FAILED: open rows",
    outcomes={"delivered": 6_000, "deferred": 4_000},
    posts=12_000,
    sent_twice=7,
    applied_twice=0,
    seconds=30.4,
    silence=0,
    resumed={"delivered": 10_000},
    resumed_posts=4_000,
)


def test_a_scenario_that_held() -> None:
    text = page([SCENARIO], {"half": MEASURED})
    assert text.startswith("# Fault matrix\n")
    assert "## HTTP" in text
    assert "## Glue" not in text, "a section without scenarios is left out"
    assert text.endswith("\n")
    row = next(line for line in text.splitlines() if line.startswith("| **half**"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        "**half**: half of it fails",
        "5,000 to 7,500 delivered, 2,500 to 5,000 deferred",
        "6,000 delivered, 4,000 deferred",
        "12,000",
        "12,000",
        "7 sent (at most 20), 0 applied",
        "at most 90 s",
        "30 s",
        "FAILED: open rows",
        "10,000 delivered, 4,000 POSTs",
        "held",
    ]
    assert "What did not hold" not in text


def test_a_scenario_that_did_not_hold() -> None:
    broken = replace(MEASURED, ended="SUCCEEDED", broken=["ended: SUCCEEDED, expected FAILED: open rows"])
    text = page([SCENARIO], {"half": broken})
    assert "SUCCEEDED (expected FAILED: open rows) |" in text
    assert "| **broken** |" in text
    assert "- **half**: ended: SUCCEEDED, expected FAILED: open rows" in text
    assert "BROKEN: ended: SUCCEEDED" in summary_line(SCENARIO, broken)
