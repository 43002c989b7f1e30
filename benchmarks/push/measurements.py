"""What the benchmark of the push measures."""

from __future__ import annotations

from typing import TypedDict


class Figures(TypedDict):
    """One delivery of one client.

    `rate` is in requests per second, `cpu` in CPU seconds per 10,000 records, `peak_memory` (resident) in bytes, None
    where nobody could look; `connections` were opened at the server.
    """

    records: int
    rate: float
    cpu: float
    peak_memory: int | None
    connections: int


class Race(TypedDict):
    """Interleaved rounds at one latency; in each, the figures of every client by its name."""

    latency_ms: int
    concurrency: int
    rounds: list[dict[str, Figures]]


class Pacing(TypedDict):
    """Sends under a limit: requests per second from its third second on, and the most in any window of one second."""

    limit: float
    burst: float
    records: int
    rounds: list[dict[str, float]]


class Peak(TypedDict):
    """Peak resident memory of one push task's process."""

    records: int
    bytes: int


class Memory(TypedDict):
    """Peaks by increasing number of records: over HTTP, and with answers from the same process."""

    concurrency: int
    http: list[Peak]
    instant: list[Peak]


class Push(TypedDict):
    """All of it. `versions` by name of what took part; wrk is not among them where it is not installed."""

    versions: dict[str, str]
    races: list[Race]
    pacing: Pacing
    memory: Memory
