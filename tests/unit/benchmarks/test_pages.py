"""What all parts of the page share."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import pages
from benchmarks.results import Result, load, save, told


def test_a_median_has_its_spread_where_there_is_one() -> None:
    assert pages.median([3.0, 1.0, 2.0], "{:.1f}".format) == "2.0 (1.0 to 3.0)"
    assert pages.median([2.01, 2.02], "{:.1f}".format) == "2.0"


@pytest.mark.parametrize(
    ("values", "limits", "line"),
    [
        ([2.0, 3.0, 9.0], {"least": 3.0}, "- met: speed 3 (2 to 9), wanted at least 3"),
        ([2.9], {"least": 2.95}, "- **missed**: speed 3, wanted at least 3"),
        ([3.0], {"most": 3.0}, "- met: speed 3, wanted at most 3"),
        ([4.0], {"most": 3.0}, "- **missed**: speed 4, wanted at most 3"),
    ],
)
def test_a_wish_is_judged_by_the_median(values: list[float], limits: dict[str, float], line: str) -> None:
    assert pages.wish("speed", values, "{:.0f}".format, **limits) == line


def test_every_line_of_a_table_has_its_columns_at_the_same_places() -> None:
    lines = pages.table(("a", "long head"), [("long cell", "b"), ("", "")]).splitlines()
    assert len({tuple(place for place, char in enumerate(line) if char == "|") for line in lines}) == 1


def test_when_and_on_what_is_told_and_a_machine_that_was_busy_elsewhere(tmp_path: Path) -> None:
    result = Result(on="2026-11-26", cores=2, cpu="A CPU", seconds=290, elsewhere=0.02, found={"a": [1, 2.5]})
    assert told(result) == (
        "*Measured 2026-11-26 on 2 cores (A CPU) in 5 minutes; "
        "other programs had 2% of the machine's CPU time meanwhile.*"
    )
    assert told({**result, "elsewhere": 0.35, "seconds": 3}).endswith(
        "in 1 minute; other programs had 35% of the machine's CPU time meanwhile: **measure again when it is idle**.*"
    )
    file = tmp_path / "performance.json"
    assert load(file) == {}
    save({"push": result}, file)
    assert load(file) == {"push": result}
