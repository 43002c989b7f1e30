"""One line of the matrix: what goes wrong, with which arguments the delivery runs, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tests.faults.worker import Worker

# The delivery core by itself, or the push job on Glue.
Kind = Literal["core", "glue"]
ROWS: Mapping[Kind, int] = {"core": 2_000, "glue": 10_000}
RATE = 1_000
TASKS = 4
CONCURRENCY = 64
# Records that are sent before the push tasks begin.
CANARY = 111

# The push job's arguments that the lines share; a line changes what it is about.
ARGUMENTS: Mapping[str, str] = {
    "push_mode": "all",
    "resend_delivered": "false",
    "limit": "none",
    "max_requests_per_second": str(RATE),
    "push_tasks": str(TASKS),
    "max_concurrency": str(CONCURRENCY),
    "max_attempts": "5",
    "request_timeout_seconds": "5",
    "deadline_seconds": "600",
    "unavailable_timeout_seconds": "90",
    "max_failed_fraction": "0.01",
    "allow_http": "true",
}


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, both included; shown as a person would write it."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        low, high = f"{self.low:,.0f}", f"{self.high:,.0f}"
        if self.low == self.high:
            return low
        if self.high == float("inf"):
            return f"at least {low}"
        return f"at most {high}" if self.low == 0 else f"{low} to {high}"


def exactly(value: float) -> Range:
    """Just this number."""
    return Range(value, value)


def at_most(value: float) -> Range:
    """Up to this number."""
    return Range(0, value)


@dataclass(frozen=True)
class Expected:
    """What must come of a line.

    :param outcomes: rows by outcome; an outcome that is not named has none
    :param posts: requests that the CRM received
    :param ended: state of the run and, after a colon, the cause of its stop
    :param seconds: of the run, the start of its process included
    :param resumed: rows by outcome after one more attempt without the fault; None when none is needed
    :param lost: requests that may have been answered without a ledger line: they are sent again with their keys
    :param quiet: seconds in a row in which the CRM must receive nothing
    :param steady: requests per second over two seconds, soon after the push tasks took over from the canary
    :param in_flight: requests that may be in flight at the CRM at the same time; None for as many as all tasks may have
    """

    outcomes: Mapping[str, Range]
    posts: Range
    ended: str = "SUCCEEDED"
    seconds: Range = Range(0, 20)
    resumed: Mapping[str, Range] | None = None
    lost: int = 0
    quiet: float = 0
    steady: Range = Range(0, float("inf"))
    in_flight: int | None = None

    @property
    def manifest(self) -> bool:
        """Whether the delivery got as far as writing its manifest."""
        return self.ended != "FAILED: killed"


@dataclass(frozen=True)
class Scenario:
    """A line of the matrix.

    :param what: what goes wrong
    :param profile: a named fault of the fake CRM
    :param changes: what differs from that fault
    :param s3_fault: a fault of the gate in front of S3
    :param arguments: what differs from ARGUMENTS
    :param meanwhile: what happens during the run; called once it was started
    """

    name: str
    what: str
    expected: Expected
    kind: Kind = "core"
    profile: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    s3_fault: Mapping[str, object] | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    meanwhile: Callable[[Worker], None] | None = None

    @property
    def rows(self) -> int:
        """Users who have a score."""
        return ROWS[self.kind]

    @property
    def tasks(self) -> int:
        """Push tasks that share the rate."""
        return 1 if self.kind == "core" else int(self.arguments.get("push_tasks", TASKS))

    @property
    def in_flight(self) -> int:
        """Requests that may be in flight at the CRM at the same time."""
        return self.expected.in_flight or self.tasks * CONCURRENCY

    @property
    def rate(self) -> float:
        """Requests per second that the whole delivery may send."""
        return float(self.arguments.get("max_requests_per_second", RATE))
