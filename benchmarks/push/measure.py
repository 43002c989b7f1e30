"""The push beside what others would send the same records with: speed, CPU, memory, connections, and a limit kept."""

from __future__ import annotations

from pathlib import Path

from benchmarks.push import bounds, races
from benchmarks.push.clients import versions
from benchmarks.push.measurements import Push
from benchmarks.push.races import Say
from benchmarks.push.wrk import version as wrk_version

_PACED_ROUNDS = 3


def measure(folder: Path, rounds: int | None, say: Say) -> Push:
    """All of it; `rounds` of each comparison, else as many as each has by itself."""
    wrk = wrk_version()
    return Push(
        versions=versions() | ({"wrk": wrk} if wrk else {}),
        races=[races.race(folder, latency, rounds or races.ROUNDS[latency], say) for latency in races.LATENCIES],
        pacing=bounds.pacing(folder, rounds or _PACED_ROUNDS, say),
        memory=bounds.memory(folder, say),
    )
