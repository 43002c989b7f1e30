"""What a benchmark run measured, as it lies in `.local/bench/push.json`."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Machine(TypedDict):
    """Where it was measured: CPUs that may be used, CPU model, versions. `wrk` is None where there is none."""

    cores: int
    cpu: str
    python: str
    aiohttp: str
    wrk: str | None


class Comparison(TypedDict):
    """Interleaved rounds; in each, the figure of every contestant by its name."""

    records: int
    concurrency: int
    latency_ms: int
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


class Measurements(TypedDict):
    """One run of the command; a part that was not asked for is not there.

    `latency` is in requests per second, `cpu` in CPU seconds per 10,000 records, `seconds` what the run took,
    `elsewhere` the share of the machine's CPU time (0 to 1) that other programs had meanwhile.
    """

    machine: Machine
    seconds: float
    elsewhere: float
    latency: NotRequired[Comparison]
    cpu: NotRequired[Comparison]
    memory: NotRequired[Memory]
