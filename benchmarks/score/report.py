"""The page's section on scoring. Pure."""

from __future__ import annotations

import statistics
from typing import Literal, TypedDict

from benchmarks import pages
from benchmarks.measured import Usage

CONTESTANTS = {
    "ours": "this project: job 1, all its checks",
    "bad": "this project, 1 % of the rows bad",
    "spark": "bare Spark",
    "duckdb": "DuckDB",
    "polars": "Polars",
    "pandas": "pandas",
}
# What was wanted of job 1.
MOST_OF_SPARK, AT_ROWS = 1.6, 10_000_000
MOST_SECONDS, OF_ROWS = 20.0, 10_000
MOST_GROWTH, FROM_ROWS = 10.0, 1_000_000


class Size(TypedDict):
    """Interleaved rounds over one extract; in each, what every contestant took."""

    rows: int
    rounds: list[dict[str, Usage]]


class Score(TypedDict):
    """All of it, by increasing number of rows."""

    sizes: list[Size]


_HEAD = ("rows", "what", "wall, s", "CPU, s", "peak memory, MB", "wall, to bare Spark")

_TEXT = """\
## Score

{table}

Wanted:

{wishes}

- **This project**: job 1's own script, from its arguments to its manifest: ETags compared twice, schema and each value
  checked, users with several rows found, scores counted by bin, SHA-256 of what was written. No row is bad, as the
  others could not bear it; what bad ones cost (of every kind, duplicates among them) is told apart.
- **Bare Spark**: the same Spark, the same score by its own `round`, the same CSV; nothing is checked or counted.
- **DuckDB, Polars, pandas**: the same formula, as their own documentation would write it. They run on one machine only.
- Both Sparks run in one process with all cores, 4 GB of heap and Java's usual compilers. Contestants take turns, each
  from a fresh process, and wall clock, CPU and memory (resident, all its processes together, looked at 20 times a
  second) are those of the whole command, its start included. One that leaves out a row, or whose mean score is another,
  ends the benchmark with an error.
"""


def section(found: Score) -> str:
    """The section."""
    lines = [line for size in found["sizes"] for line in _lines(size)]
    return _TEXT.format(table=pages.table(_HEAD, lines), wishes="\n".join(wishes(found)))


def wishes(found: Score) -> list[str]:
    """What was wanted of job 1, and whether it was met."""
    sizes = {size["rows"]: size for size in found["sizes"]}
    growth = _median(sizes[AT_ROWS], "ours", "wall") / _median(sizes[FROM_ROWS], "ours", "wall")
    seconds = [figures["ours"]["wall"] for figures in sizes[OF_ROWS]["rounds"]]
    of_spark = _ratios(sizes[AT_ROWS], "ours")
    return [
        pages.wish(f"{AT_ROWS:,} rows, job 1 in times of bare Spark", of_spark, "{:.2f}".format, most=MOST_OF_SPARK),
        pages.wish(
            f"times as long from {FROM_ROWS:,} to {AT_ROWS:,} rows", [growth], "{:.1f}".format, most=MOST_GROWTH
        ),
        pages.wish(f"{OF_ROWS:,} rows, Spark's start included,", seconds, "{:.1f} s".format, most=MOST_SECONDS),
    ]


def _lines(size: Size) -> list[tuple[str, ...]]:
    return [
        (
            f"{size['rows']:,}" if name == "ours" else "",
            label,
            pages.median([figures[name]["wall"] for figures in size["rounds"]], "{:.2f}".format),
            f"{_median(size, name, 'cpu'):.2f}",
            f"{_median(size, name, 'peak_memory') / 1e6:,.0f}",
            f"{statistics.median(_ratios(size, name)):.2f}",
        )
        for name, label in CONTESTANTS.items()
    ]


def _median(size: Size, name: str, what: Literal["wall", "cpu", "peak_memory"]) -> float:
    return statistics.median(figures[name][what] for figures in size["rounds"])


def _ratios(size: Size, name: str) -> list[float]:
    """Of wall clocks within a round, where both met the same moment of the machine."""
    return [figures[name]["wall"] / figures["spark"]["wall"] for figures in size["rounds"]]
