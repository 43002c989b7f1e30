"""A scenario of the matrix: what goes wrong, the arguments of the delivery, and what has to come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tests.faults.worker import Worker

# The delivery core alone, or the push job on Glue.
Kind = Literal["core", "glue"]
ROWS: Mapping[Kind, int] = {"core": 2_000, "glue": 10_000}
RATE = 1_000
TASKS: Mapping[Kind, int] = {"core": 1, "glue": 4}
CONCURRENCY = 64
# Users that are sent before the push tasks start.
CANARY = 111

# The push job's arguments; a scenario changes those that it is about.
ARGUMENTS: Mapping[str, str] = {
    "crm_uri": "default",
    "proxy_url": "none",
    "no_proxy": "none",
    "ca_uri": "none",
    "push_mode": "all",
    "resend_delivered": "false",
    "ignore_retry_after": "false",
    "limit": "none",
    "max_requests_per_second": str(RATE),
    "max_concurrency": str(CONCURRENCY),
    "max_attempts": "5",
    "request_timeout_seconds": "5",
    "deadline_seconds": "600",
    "unavailable_timeout_seconds": "90",
    "max_retry_after_seconds": "86400",
    "max_failed_fraction": "0.01",
    "allow_http": "true",
}


@dataclass(frozen=True)
class Range:
    """A range from `low` to `high`, both included, shown in words."""

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
    """Return the range of exactly this number."""
    return Range(value, value)


def at_most(value: float) -> Range:
    """Return the range from 0 to this number."""
    return Range(0, value)


@dataclass(frozen=True)
class Expected:
    """What has to come of a scenario.

    :param outcomes: users by outcome; none for an outcome that is not named
    :param posts: requests that the CRM received
    :param ended: state of the run and, after a colon, the cause of its stop
    :param seconds: duration of the run, including the start of its process
    :param resumed: users by outcome after another attempt without the fault; None if none is needed
    :param reasons: users whose last ledger line has this reason
    :param lost: requests that may have been answered without a ledger line, and are sent again with the same key
    :param unseen: requests that may have been sent into a connection that was closing, so that the CRM received none
    :param quiet: consecutive seconds in which the CRM has to receive nothing
    :param steady: requests per second over two seconds, shortly after the push tasks took over from the canary
    :param in_flight: most requests in flight at the CRM; None for as many as all tasks may have
    """

    outcomes: Mapping[str, Range]
    posts: Range
    ended: str = "SUCCEEDED"
    seconds: Range = Range(0, 20)
    resumed: Mapping[str, Range] | None = None
    reasons: Mapping[str, Range] = field(default_factory=dict)
    lost: int = 0
    unseen: int = 0
    quiet: float = 0
    steady: Range = Range(0, float("inf"))
    in_flight: int | None = None

    @property
    def manifest(self) -> bool:
        """Whether the delivery writes its manifest."""
        return self.ended not in ("FAILED: killed", "STOPPED")


@dataclass(frozen=True)
class Scenario:
    """A scenario of the matrix.

    :param what: what goes wrong
    :param profile: a named fault of the fake CRM
    :param changes: fields of that fault with other values
    :param token_fault: a fault of the token endpoint; the secret is then for OAuth 2.0
    :param s3_fault: a fault of the proxy in front of S3
    :param arguments: arguments with other values than in ARGUMENTS; {port} stands for the CRM's port, {proxy} for that
        of a forward proxy, {expired} for that of a server with an expired certificate, and so on (see `tls_servers`)
    :param then: arguments of the next attempt with other values than this one's
    :param meanwhile: called once the run was started
    """

    name: str
    what: str
    expected: Expected
    kind: Kind = "core"
    profile: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    token_fault: Mapping[str, object] | None = None
    s3_fault: Mapping[str, object] | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    then: Mapping[str, str] = field(default_factory=dict)
    meanwhile: Callable[[Worker], None] | None = None

    @property
    def rows(self) -> int:
        """Number of users that have a score."""
        return ROWS[self.kind]

    @property
    def tasks(self) -> int:
        """Number of push tasks that share the rate limit."""
        return int(self.arguments.get("push_tasks", TASKS[self.kind]))

    @property
    def in_flight(self) -> int:
        """Most requests that may be in flight at the CRM."""
        return self.expected.in_flight or self.tasks * CONCURRENCY

    @property
    def rate(self) -> float:
        """Rate limit of the delivery in requests per second."""
        return float(self.arguments.get("max_requests_per_second", RATE))
