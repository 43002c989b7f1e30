"""What is not speed: how well a limit is kept, and what memory a push task takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks import jobs, sides
from benchmarks.push.clients import ENV, Server, run_client, serving
from benchmarks.push.measurements import Memory, Pacing, Peak

Say = Callable[[str], None]

_LIMIT, _BURST = 500, 50  # the burst is that of the job: a tenth of a second's requests
_PACED_RECORDS, _PACED_LATENCY_MS, _PACED_CONCURRENCY = 15_000, 50, 128
_MEMORY_CONCURRENCY = 64
_HTTP_RECORDS = (10_000, 200_000)
_INSTANT_RECORDS = (10_000, 200_000, 2_000_000)


def pacing(folder: Path, rounds: int, say: Say) -> Pacing:
    """Half a minute under a limit, some rounds of it."""
    measured: list[dict[str, float]] = []
    with serving(folder, _PACED_LATENCY_MS) as server:
        for number in range(1, rounds + 1):
            server.forget()
            asked = (server.endpoint, _PACED_RECORDS, _PACED_CONCURRENCY, _LIMIT, _BURST)
            found = sides.run(jobs.GLUE, "push.paced", *asked, env=ENV)
            if found["delivered"] != _PACED_RECORDS:
                raise RuntimeError(f"{found['delivered']:,} of {_PACED_RECORDS:,} were delivered")
            measured.append({name: float(found[name]) for name in ("steady", "busiest")})
            say(f"limit of {_LIMIT}/s, round {number} of {rounds}: {found['steady']:.1f}/s, at most {found['busiest']}")
    return Pacing(limit=_LIMIT, burst=_BURST, records=_PACED_RECORDS, rounds=measured)


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
    return Peak(records=count, bytes=run_client(name, count, _MEMORY_CONCURRENCY, server)["peak_memory"] or 0)
