"""The table of `make bench-score` and the page it writes, from given measurements."""

from __future__ import annotations

import pytest

from benchmarks.measured import Usage
from benchmarks.score.report import Measurements, Size, document, table, wishes


def used(wall: float) -> Usage:
    return Usage(wall=wall, cpu=2 * wall, peak_memory=1_500_000_000)


def measured(ours: float = 30.0) -> Measurements:
    """Three rounds of two sizes; the machine was slow in one of them, for all alike."""
    large = [
        {"ours": used(ours * pace), "spark": used(20.0 * pace), "duckdb": used(2.0 * pace)} for pace in (1, 3, 1.1)
    ]
    small = [{"ours": used(5.0), "spark": used(4.0)}, {"ours": used(4.0), "spark": used(4.0)}]
    sizes = [Size(rows=1_000_000, rounds=small), Size(rows=10_000_000, rounds=large)]
    return Measurements(cores=2, cpu="A CPU", seconds=600.0, elsewhere=0.02, sizes=sizes)


def test_ratios_are_taken_within_a_round() -> None:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table(measured()).splitlines()[2:]]
    assert cells == [
        ["1,000,000", "this project: job 1, all its checks", "4.50", "4.00 to 5.00", "9.00", "1,500", "1.12"],
        ["", "bare Spark", "4.00", "4.00 to 4.00", "8.00", "1,500", "1.00"],
        ["10,000,000", "this project: job 1, all its checks", "33.00", "30.00 to 90.00", "66.00", "1,500", "1.50"],
        ["", "bare Spark", "22.00", "20.00 to 60.00", "44.00", "1,500", "1.00"],
        ["", "DuckDB", "2.20", "2.00 to 6.00", "4.40", "1,500", "0.10"],
    ]


@pytest.mark.parametrize(
    ("ours", "verdicts"), [(30.0, ["met", "met"]), (40.0, ["**missed**", "met"]), (60.0, ["**missed**"] * 2)]
)
def test_what_was_wanted_is_judged(ours: float, verdicts: list[str]) -> None:
    assert [told.rpartition(": ")[2] for told in wishes(measured(ours))] == verdicts


def test_the_page_holds_the_table_and_what_it_was_measured_on() -> None:
    found = measured()
    page = document(found)
    assert table(found) in page
    assert "2 cores (A CPU). Other programs had 2% of" in page
    assert "took 10 minutes here" in page
