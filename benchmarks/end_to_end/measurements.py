"""What the benchmark of a whole day measured, as it lies in `.local/bench/end-to-end.json`."""

from __future__ import annotations

from typing import TypedDict


class Phase(TypedDict):
    """A piece of the day: the task that it belongs to, its name, what kind of time it is, and its seconds by round.

    The name is that of no other phase of the task; `kind` is one of those in `benchmarks.end_to_end.timeline`.
    """

    task: str
    name: str
    kind: str
    seconds: list[float]


class EndToEnd(TypedDict):
    """Rounds over one number of users, and the settings that bear on how long they take.

    `requests_per_second` is the limit of the job and of the CRM, `latency_ms` what the CRM takes for a request;
    `sensor_poke_seconds` and `glue_poll_seconds` are the pauses between two looks; `earlier_days` ran before the first
    round. `seconds` is the whole by round: of each round, the phases follow one another without a gap and add up to it.
    """

    users: int
    requests_per_second: int
    latency_ms: int
    sensor_poke_seconds: int
    glue_poll_seconds: int
    earlier_days: int
    seconds: list[float]
    phases: list[Phase]
