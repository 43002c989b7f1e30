"""All clients at one latency, in turns, one at a time, so that whatever else the machine does meets all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.push import wrk
from benchmarks.push.clients import Server, run_client, serving
from benchmarks.push.job import Job, scored
from benchmarks.push.measurements import Figures, Race

Say = Callable[[str], None]

CONCURRENCY = 128
LATENCIES = (0, 50, 200)
ROUNDS = {0: 5, 50: 3, 200: 3}
# Requests of each client by latency: some twenty seconds of it, and fewer of the slow ones.
RECORDS: dict[str, dict[int, int]] = {
    "ours": {0: 20_000, 50: 50_000, 200: 10_000},
    "aiohttp": {0: 20_000, 50: 50_000, 200: 10_000},
    "spark": {0: 20_000, 50: 50_000, 200: 10_000},
    "threads": {0: 5_000, 50: 10_000, 200: 5_000},
    "requests": {0: 5_000, 50: 400, 200: 100},
    "dlt": {0: 2_000, 50: 400, 200: 100},
    "drt": {0: 2_000, 50: 400, 200: 100},
}
_WRK_SECONDS = {0: 5, 50: 20, 200: 16}
_WARM_UP = 2_000


def race(folder: Path, latency_ms: int, rounds: int, say: Say) -> Race:
    """Let all clients take turns at a server that takes `latency_ms` for each request."""
    measured: list[dict[str, Figures]] = []
    with serving(folder, latency_ms) as server, scored(server, RECORDS["spark"][latency_ms]) as job:
        for name in ("ours", "aiohttp"):  # the first run pays for what is compiled and cached once
            run_client(name, _WARM_UP, CONCURRENCY, server)
        for number in range(1, rounds + 1):
            figures: dict[str, Figures] = {}
            for name in (*RECORDS, "wrk"):
                found = _run(name, latency_ms, server, job)
                if found is not None:
                    figures[name] = found
                    say(
                        f"{latency_ms} ms, round {number} of {rounds}: {name} {found['rate']:,.0f} requests/s, "
                        f"{found['cpu']:.2f} s CPU per 10,000, {found['connections']:,} connections"
                    )
            measured.append(figures)
    return Race(latency_ms=latency_ms, concurrency=CONCURRENCY, rounds=measured)


def _run(name: str, latency_ms: int, server: Server, job: Job) -> Figures | None:
    if name == "wrk":
        return wrk.run(server, CONCURRENCY, _WRK_SECONDS[latency_ms]) if wrk.version() else None
    records = RECORDS[name][latency_ms]
    return job.push(records, CONCURRENCY) if name == "spark" else run_client(name, records, CONCURRENCY, server)
