"""The three parts of the benchmark: speed at a latency, CPU per record, and memory by number of records.

Contestants take turns, one at a time, so that whatever else the machine does meets all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.push import wrk
from benchmarks.push.clients import Server, run_client, serving
from benchmarks.push.measurements import Comparison, Memory, Peak

Say = Callable[[str], None]

_LATENCY_MS, _LATENCY_RECORDS, _LATENCY_CONCURRENCY = 50, 50_000, 128
_CPU_RECORDS, _CPU_CONCURRENCY = 20_000, 64
_MEMORY_CONCURRENCY = 64
_HTTP_RECORDS = (10_000, 200_000)
_INSTANT_RECORDS = (10_000, 200_000, 2_000_000)
_WARM_UP_RECORDS = 2_000


def latency(folder: Path, rounds: int, say: Say) -> Comparison:
    """Requests per second where each takes 50 ms, of ours, bare aiohttp and (where there is one) wrk."""
    # wrk runs for as long as the others need at least.
    seconds = round(_LATENCY_RECORDS / _LATENCY_CONCURRENCY * _LATENCY_MS / 1000)
    measured: list[dict[str, float]] = []
    with serving(folder, _LATENCY_MS) as server:
        _warm_up(server, _LATENCY_CONCURRENCY)
        for number in range(1, rounds + 1):
            figures: dict[str, float] = {}
            for name in ("ours", "aiohttp"):
                found = run_client(name, _LATENCY_RECORDS, _LATENCY_CONCURRENCY, server)
                figures[name] = _LATENCY_RECORDS / found["wall"]
                say(f"latency, round {number} of {rounds}: {name} {figures[name]:,.0f} requests/s")
            if wrk.version():
                figures["wrk"] = wrk.run(folder, server, _LATENCY_CONCURRENCY, seconds)
                say(f"latency, round {number} of {rounds}: wrk {figures['wrk']:,.0f} requests/s")
            measured.append(figures)
    return Comparison(
        records=_LATENCY_RECORDS, concurrency=_LATENCY_CONCURRENCY, latency_ms=_LATENCY_MS, rounds=measured
    )


def cpu(folder: Path, rounds: int, say: Say) -> Comparison:
    """CPU seconds per 10,000 records of ours and bare aiohttp, where a server answers as soon as it can."""
    measured: list[dict[str, float]] = []
    with serving(folder, 0) as server:
        _warm_up(server, _CPU_CONCURRENCY)
        for number in range(1, rounds + 1):
            figures: dict[str, float] = {}
            for name in ("ours", "aiohttp"):
                found = run_client(name, _CPU_RECORDS, _CPU_CONCURRENCY, server)
                figures[name] = found["cpu"] / _CPU_RECORDS * 10_000
                say(f"CPU, round {number} of {rounds}: {name} {figures[name]:.3f} s per 10,000 records")
            measured.append(figures)
    return Comparison(records=_CPU_RECORDS, concurrency=_CPU_CONCURRENCY, latency_ms=0, rounds=measured)


def memory(folder: Path, say: Say) -> Memory:
    """Peak memory of a push task by number of records; once each, for it hardly varies."""
    http, instant = [], []
    with serving(folder, 0) as server:
        for count in _HTTP_RECORDS:
            http.append(_peak("ours", count, server))
            say(f"memory over HTTP: {count:,} records, {http[-1]['bytes'] / 1e6:.1f} MB")
    for count in _INSTANT_RECORDS:
        instant.append(_peak("instant", count, None))
        say(f"memory with instant answers: {count:,} records, {instant[-1]['bytes'] / 1e6:.1f} MB")
    return Memory(concurrency=_MEMORY_CONCURRENCY, http=http, instant=instant)


def _peak(name: str, count: int, server: Server | None) -> Peak:
    return Peak(records=count, bytes=run_client(name, count, _MEMORY_CONCURRENCY, server)["peak_memory"])


def _warm_up(server: Server, concurrency: int) -> None:
    """A run of each that does not count: the first one pays for what is compiled and cached once."""
    for name in ("ours", "aiohttp"):
        run_client(name, _WARM_UP_RECORDS, concurrency, server)
