"""From measurements to a table: medians, the lowest and highest round, ratios, and whether each wish was met.

A ratio is taken within a round, where both met the same moment of the machine; the median is that of the ratios.
Pure: nothing here runs or reads anything.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import pages
from benchmarks.push.measurements import Comparison, Measurements, Memory, Peak

# What was wanted.
LEAST_OF_AIOHTTP = 0.95
LEAST_OF_WRK = 0.80
MOST_CPU_OF_AIOHTTP = 1.5
# One byte for each of two million records.
MOST_GROWTH_MB = 2.0

MISSED, MET = "**missed**", "met"
WITHOUT_WRK = "wrk is not on PATH and was left out. On Debian or Ubuntu: apt-get install wrk"
_NAMES = {"ours": "this project", "aiohttp": "bare aiohttp", "wrk": "wrk"}
_HEAD = ("measured", "median", "lowest to highest", "wanted", "wish")

Format = Callable[[float], str]


@dataclass(frozen=True)
class Row:
    """One line of the table; `heading` lines have no figures."""

    what: str
    median: str = ""
    spread: str = ""
    wanted: str = ""
    verdict: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """The columns, in the order of the head."""
        return self.what, self.median, self.spread, self.wanted, self.verdict


def rows(found: Measurements) -> list[Row]:
    """All lines of the table, for the parts that were measured."""
    return [
        *(_latency(found["latency"]) if "latency" in found else ()),
        *(_cpu(found["cpu"]) if "cpu" in found else ()),
        *(_memory(found["memory"]) if "memory" in found else ()),
    ]


def table(found: Measurements) -> str:
    """The table in Markdown."""
    return pages.table(_HEAD, [row.cells for row in rows(found)])


def _latency(found: Comparison) -> list[Row]:
    def rate(value: float) -> str:
        return f"{value:,.0f}"

    where = f"{found['latency_ms']} ms latency, {found['concurrency']} at once, {found['records']:,} records"
    return [
        Row(f"**Requests/s: {where}**"),
        *(_figures(found, name, rate) for name in ("ours", "aiohttp", "wrk")),
        _ratio(found, "aiohttp", LEAST_OF_AIOHTTP, at_least=True),
        _ratio(found, "wrk", LEAST_OF_WRK, at_least=True),
    ]


def _cpu(found: Comparison) -> list[Row]:
    where = f"no latency, {found['concurrency']} at once, {found['records']:,} records"
    return [
        Row(f"**CPU seconds per 10,000 records: {where}**"),
        *(_figures(found, name, "{:.2f}".format) for name in ("ours", "aiohttp")),
        _ratio(found, "aiohttp", MOST_CPU_OF_AIOHTTP, at_least=False),
    ]


def _memory(found: Memory) -> list[Row]:
    return [
        Row(f"**Peak memory of a push task's process: {found['concurrency']} at once**"),
        *_peaks("over HTTP", found["http"]),
        *_peaks("instant answers, 1 % of them 503", found["instant"]),
    ]


def _figures(found: Comparison, name: str, form: Format) -> Row:
    values = [figures[name] for figures in found["rounds"] if name in figures]
    if not values:
        return Row(_NAMES[name], "left out")
    return Row(_NAMES[name], form(statistics.median(values)), _spread(values, form))


def _ratio(found: Comparison, other: str, limit: float, *, at_least: bool) -> Row:
    what = f"{_NAMES['ours']} / {_NAMES[other]}"
    wanted = f"at {'least' if at_least else 'most'} {limit:.2f}"
    ratios = [figures["ours"] / figures[other] for figures in found["rounds"] if other in figures]
    if not ratios:
        return Row(what, "left out", "", wanted, "not measured")
    median = statistics.median(ratios)
    met = median >= limit if at_least else median <= limit
    return Row(what, f"{median:.3f}", _spread(ratios, "{:.3f}".format), wanted, MET if met else MISSED)


def _peaks(how: str, peaks: Sequence[Peak]) -> list[Row]:
    first, last = peaks[0], peaks[-1]
    growth = (last["bytes"] - first["bytes"]) / 1e6
    return [
        *(Row(f"{how}, {peak['records']:,} records", f"{peak['bytes'] / 1e6:.1f} MB") for peak in peaks),
        Row(
            f"{how}, growth from {first['records']:,} to {last['records']:,}",
            f"{growth:+.1f} MB",
            "",
            f"at most {MOST_GROWTH_MB:+.1f} MB",
            MET if growth <= MOST_GROWTH_MB else MISSED,
        ),
    ]


def _spread(values: Sequence[float], form: Format) -> str:
    return f"{form(min(values))} to {form(max(values))}"
