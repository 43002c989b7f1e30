"""One line of the matrix: what goes wrong, with which arguments the job runs, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.lane import Lane

ROWS = 10_000
RATE = 1_000
TASKS = 4
CONCURRENCY = 64
# Records that the job sends before its push tasks begin.
CANARY = 111

# The job's arguments that the lines share; a line changes what it is about.
ARGUMENTS: Mapping[str, str] = {
    "push_mode": "all",
    "force": "false",
    "limit": "none",
    "max_requests_per_second": str(RATE),
    "push_tasks": str(TASKS),
    "max_concurrency": str(CONCURRENCY),
    "max_attempts": "5",
    "request_timeout_seconds": "5",
    "deadline_seconds": "600",
    "give_up_after_seconds": "90",
    "max_failed_fraction": "0.01",
    "allow_http": "true",
}


@dataclass(frozen=True)
class Range:
    """From `least` to `most`, both included; shown as a person would write it."""

    least: float
    most: float

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most

    def __str__(self) -> str:
        least, most = f"{self.least:,.0f}", f"{self.most:,.0f}"
        if self.least == self.most:
            return least
        if self.most == float("inf"):
            return f"at least {least}"
        return f"at most {most}" if self.least == 0 else f"{least} to {most}"


def exactly(value: float) -> Range:
    """Just this number."""
    return Range(value, value)


def at_most(value: float) -> Range:
    """Up to this number."""
    return Range(0, value)


ALL = exactly(ROWS)
NONE = exactly(0)


@dataclass(frozen=True)
class Expected:
    """What must come of it.

    :param outcomes: rows by outcome; an outcome that is not named has none
    :param posts: requests that the CRM received
    :param ended: state of the Glue run and, behind a colon, the cause of its stop
    :param seconds: of the Glue run, Spark's start included
    :param resumed: rows by outcome after one more attempt without the fault; None when none is needed
    :param lost: requests that may have been answered without a ledger line: they are sent again with their keys
    :param quiet: seconds in a row in which the CRM must receive nothing
    :param steady: requests per second over 30 s, once the push tasks are at it
    :param in_flight: requests that may be under way at the CRM at the same time
    """

    outcomes: Mapping[str, Range] = field(default_factory=lambda: {"delivered": ALL})
    posts: Range = ALL
    ended: str = "SUCCEEDED"
    seconds: Range = Range(0, 90)
    resumed: Mapping[str, Range] | None = None
    lost: int = 0
    quiet: float = 0
    steady: Range = Range(0, float("inf"))
    in_flight: int = TASKS * CONCURRENCY

    @property
    def manifest(self) -> bool:
        """Whether the job got as far as writing its manifest."""
        return self.ended != "FAILED: killed"


@dataclass(frozen=True)
class Scenario:
    """A line of the matrix.

    :param what: what goes wrong, for a person
    :param profile: a named fault of the CRM stand-in
    :param gate: a fault of the gate in front of S3
    :param arguments: what differs from ARGUMENTS
    :param meanwhile: what happens while the job runs; called once it was started
    """

    name: str
    what: str
    expected: Expected = Expected()
    profile: str | None = None
    gate: Mapping[str, object] | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    meanwhile: Callable[[Lane], None] | None = None
