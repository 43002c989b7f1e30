"""From measurements of job 1 and others to a table and docs/performance-score.md. Pure."""

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


class Measurements(TypedDict):
    """One run of the command, on what, and the share of the machine's CPU (0 to 1) that other programs had."""

    cores: int
    cpu: str
    seconds: float
    elsewhere: float
    sizes: list[Size]


_HEAD = ("rows", "what", "wall, s", "lowest to highest", "CPU, s", "peak memory, MB", "wall, to bare Spark")

_TEXT = """\
# Performance of scoring

Written by `make bench-score`; change `benchmarks/score/`, not this page. Compare ratios rather than figures.

**Measured on** {cores} cores ({cpu}). {disturbance}

{table}

Medians of the rounds ({rounds} of each size). CPU and memory (resident, all processes of a contestant together, looked
at 20 times a second) are those of the whole command, its start included. MB is 1,000,000 bytes.

{wishes}

## Who takes part

- **This project**: job 1's own script, from its arguments to its manifest: ETags compared twice, schema and each value
  checked, users with several rows found, scores counted by bin, SHA-256 of what was written. No row is bad, as the
  others could not bear it; what bad ones cost (of every kind, duplicates among them) is told apart.
- **Bare Spark**: the same Spark, the same expression for the score, the same CSV; nothing is checked or counted.
- **DuckDB, Polars, pandas**: the same formula, as their own documentation would write it. They run on one machine only.

Both Sparks run in one process with all cores, 4 GB of heap and Java's usual compilers. Contestants take turns, each
from a fresh process; one that leaves out a row, or whose mean score is another, ends the command with an error.

`make bench-score` took {minutes:.0f} minutes here. It keeps every figure in `.local/bench/score.json`.
"""


def table(found: Measurements) -> str:
    """The table in Markdown."""
    return pages.table(_HEAD, [line for size in found["sizes"] for line in _lines(size)])


def wishes(found: Measurements) -> list[str]:
    """What was wanted of job 1, and whether it was met."""
    sizes = {size["rows"]: size for size in found["sizes"]}
    told = []
    if AT_ROWS in sizes:
        ratio = _ratio(sizes[AT_ROWS], "ours")
        told.append(_wish(f"{AT_ROWS:,} rows, job 1 to bare Spark", ratio, MOST_OF_SPARK, "{:.2f} times"))
    if AT_ROWS in sizes and FROM_ROWS in sizes:
        growth = _median(sizes[AT_ROWS], "ours", "wall") / _median(sizes[FROM_ROWS], "ours", "wall")
        told.append(
            _wish(f"from {FROM_ROWS:,} to {AT_ROWS:,} rows, job 1 takes", growth, MOST_GROWTH, "{:.1f} times as long")
        )
    if OF_ROWS in sizes:
        seconds = _median(sizes[OF_ROWS], "ours", "wall")
        told.append(_wish(f"{OF_ROWS:,} rows, Spark's start included, job 1 takes", seconds, MOST_SECONDS, "{:.1f} s"))
    return told


def document(found: Measurements) -> str:
    """The page."""
    return _TEXT.format(
        cores=found["cores"],
        cpu=found["cpu"],
        disturbance=pages.disturbance(found["elsewhere"]),
        table=table(found),
        wishes="\n".join(f"- {wish}" for wish in wishes(found)),
        rounds=" and ".join(sorted({str(len(size["rounds"])) for size in found["sizes"]})),
        minutes=max(1, found["seconds"] / 60),
    )


def _lines(size: Size) -> list[tuple[str, ...]]:
    names = [name for name in CONTESTANTS if all(name in figures for figures in size["rounds"])]
    return [
        (
            f"{size['rows']:,}" if name == names[0] else "",
            CONTESTANTS[name],
            f"{_median(size, name, 'wall'):.2f}",
            " to ".join(f"{end(each[name]['wall'] for each in size['rounds']):.2f}" for end in (min, max)),
            f"{_median(size, name, 'cpu'):.2f}",
            f"{_median(size, name, 'peak_memory') / 1e6:,.0f}",
            f"{_ratio(size, name):.2f}" if "spark" in names else "",
        )
        for name in names
    ]


def _median(size: Size, name: str, what: Literal["wall", "cpu", "peak_memory"]) -> float:
    return statistics.median(figures[name][what] for figures in size["rounds"])


def _ratio(size: Size, name: str) -> float:
    """Of wall clocks within a round, where both met the same moment of the machine; the median of these."""
    return statistics.median(figures[name]["wall"] / figures["spark"]["wall"] for figures in size["rounds"])


def _wish(what: str, found: float, most: float, form: str) -> str:
    return (
        f"{what} {form.format(found)}, wanted at most {form.format(most)}: {'met' if found <= most else '**missed**'}"
    )
