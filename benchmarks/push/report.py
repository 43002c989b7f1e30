"""The page's section on the push. Pure: nothing here runs or reads anything.

A ratio is taken within a round, where both met the same moment of the machine; the median is that of the ratios.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from benchmarks import pages
from benchmarks.push.measurements import Figures, Memory, Pacing, Peak, Push, Race

NAMES = {
    "ours": "this project, its delivery core",
    "spark": "this project, job 2 on Spark",
    "aiohttp": "bare aiohttp",
    "threads": "requests, {concurrency} threads",
    "requests": "requests, a loop",
    "dlt": "dlt, custom destination",
    "drt": "drt, rest_api destination",
    "wrk": "wrk",
}
WITHOUT_WRK = "wrk is not on PATH and was left out. On Debian or Ubuntu: apt-get install wrk"
# What was wanted, at this latency, in times of what others do.
AT_MS = 50
LEAST = {"aiohttp": 0.97, "wrk": 0.85, "drt": 100, "dlt": 100, "threads": 2}
# CPU, without latency.
MOST_CPU = 1.3
LEAST_OF_LIMIT = 0.98
# One byte for each of two million records.
MOST_GROWTH_MB = 2.0

_HEAD = (
    "latency",
    "client",
    "records",
    "requests/s",
    "CPU, s per 10,000",
    "peak memory, MB",
    "connections",
    "ours to it",
)

_TEXT = """\
## Push

{versions}.{without_wrk} {concurrency} requests at once where the client can.

{table}

Wanted:

{wishes}

Memory of a push task's process by number of records, {memory_concurrency} at once:

{memory}

- **This project's core** is what a push task runs, without a rate limit. For every record it makes an idempotency
  key and a hash, asks pace, breaker and retry budget, counts, and writes a ledger line (here to a local file). Its slow
  start (8 requests at once, doubled while that costs no latency) is in the figures.
- **Job 2 on Spark** is the job's own script: canary first, then one push task a core. Its rate is that from the first
  request to the last; CPU and memory are those of the whole job, with Java, planning, ledger and snapshot.
- **Bare aiohttp**: as many coroutines as requests under way. No hashes, no ledger, no judgement: the least that a
  general client for asyncio can do. **wrk** (`-t1`): a load generator in C that posts one body again and again; the
  physical limit.
- **dlt** and **drt** as their documentation has it: a custom destination, and a `rest_api` destination from a DuckDB
  table without a rate limit. So set up, both post one row after the other; dlt would load several files at once in
  threads, if the rows were cut into files for it. What they do besides posting is in their CPU.
- Each client runs in a process of its own, one at a time, in turns, and its figure counts only if the CRM took every
  record. The CRM stand-in (`local/crm`) forgets all keys before each. CPU is that of all threads, less the start of
  Python and its imports; memory is the kernel's high-water mark (`VmHWM`), of job 2 what all its processes have
  resident together. MB is 1,000,000 bytes.
- **The limit** is kept over {paced:,} records at {paced_latency} ms; moments are those at which requests are handed to
  the connections, and the rate is that from the third second on.
- **Instant answers** come from inside the process, every hundredth a 503, so that records wait to be tried again.
"""


def section(found: Push) -> str:
    """The section."""
    pacing, memory = found["pacing"], found["memory"]
    return _TEXT.format(
        versions=", ".join(f"{name} {version}" for name, version in found["versions"].items()),
        without_wrk="" if "wrk" in found["versions"] else f" {WITHOUT_WRK}.",
        concurrency=found["races"][0]["concurrency"],
        table=pages.table(_HEAD, [line for race in found["races"] for line in _lines(race)]),
        wishes="\n".join(wishes(found)),
        memory=pages.table(
            ("", "records", "peak, MB"),
            [*_peaks("over HTTP", memory["http"]), *_peaks("instant answers", memory["instant"])],
        ),
        memory_concurrency=memory["concurrency"],
        paced=pacing["records"],
        paced_latency=AT_MS,
    )


def wishes(found: Push) -> list[str]:
    """What was wanted, and whether it was met."""
    races = {race["latency_ms"]: race for race in found["races"]}
    return [
        *(
            pages.wish(
                f"requests/s at {AT_MS} ms, in times of {_name(other, races[AT_MS])}", ratios, _times, least=least
            )
            for other, least in LEAST.items()
            if (ratios := _ratios(races[AT_MS], other, _rate))
        ),
        pages.wish(
            "CPU without latency, in times of bare aiohttp", _ratios(races[0], "aiohttp", _cpu), _times, most=MOST_CPU
        ),
        *_pacing_wishes(found["pacing"]),
        *_memory_wishes(found["memory"]),
    ]


def _pacing_wishes(found: Pacing) -> list[str]:
    limit, most = found["limit"], found["limit"] + found["burst"]
    steady = [each["steady"] / limit for each in found["rounds"]]
    busiest = [each["busiest"] for each in found["rounds"]]
    return [
        pages.wish(f"rate under a limit of {limit:g}/s, of the limit", steady, "{:.1%}".format, least=LEAST_OF_LIMIT),
        pages.wish(
            f"requests in the busiest window of a second, burst of {found['burst']:g}",
            busiest,
            "{:.0f}".format,
            most=most,
        ),
    ]


def _memory_wishes(found: Memory) -> list[str]:
    def grown(how: str, peaks: Sequence[Peak]) -> str:
        growth = (peaks[-1]["bytes"] - peaks[0]["bytes"]) / 1e6
        what = f"memory, {how}, from {peaks[0]['records']:,} to {peaks[-1]['records']:,} records"
        return pages.wish(what, [growth], "{:+.1f} MB".format, most=MOST_GROWTH_MB)

    return [grown("over HTTP", found["http"]), grown("instant answers", found["instant"])]


def _lines(race: Race) -> list[tuple[str, ...]]:
    names = [name for name in NAMES if all(name in figures for figures in race["rounds"])]
    return [_line(race, name, first=name == names[0]) for name in names]


def _line(race: Race, name: str, *, first: bool) -> tuple[str, ...]:
    each = [figures[name] for figures in race["rounds"]]
    memory = [figures["peak_memory"] for figures in each if figures["peak_memory"] is not None]
    return (
        f"{race['latency_ms']} ms" if first else "",
        _name(name, race),
        f"{each[0]['records']:,}",
        pages.median([_rate(figures) for figures in each], "{:,.0f}".format),
        f"{statistics.median(map(_cpu, each)):.2f}",
        f"{statistics.median(memory) / 1e6:,.0f}" if memory else "",
        f"{statistics.median(figures['connections'] for figures in each):,.0f}",
        _times(statistics.median(_ratios(race, name, _rate))),
    )


def _peaks(how: str, peaks: Sequence[Peak]) -> list[tuple[str, ...]]:
    return [(how, f"{peak['records']:,}", f"{peak['bytes'] / 1e6:.1f}") for peak in peaks]


def _ratios(race: Race, other: str, what: Callable[[Figures], float]) -> list[float]:
    return [what(figures["ours"]) / what(figures[other]) for figures in race["rounds"] if other in figures]


def _name(name: str, race: Race) -> str:
    return NAMES[name].format(concurrency=race["concurrency"])


def _rate(figures: Figures) -> float:
    return figures["rate"]


def _cpu(figures: Figures) -> float:
    return figures["cpu"]


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2f}"
