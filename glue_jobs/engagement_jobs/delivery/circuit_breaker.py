"""What the recent answers say about the CRM as a whole: breaker, retry budget and concurrency.

Three small judges, each with one rule. They never see a record, only how requests went.
"""

from __future__ import annotations

import random
import statistics
from dataclasses import dataclass, field

_FIRST_PROBE, _LONGEST_PROBE = 1.0, 30.0
_SLOW_ROUNDS = 2
# What a round trip must come down to, of what it was, for the load to have been the reason.
_SHORTER = 0.8


@dataclass
class CircuitBreaker:
    """Opens when request after request failed for a systemic reason; probes with single requests.

    :param unavailable_timeout: seconds that it may stay open before the job stops
    :param failure_threshold: failures in a row that open it
    """

    unavailable_timeout: float
    failure_threshold: int = 20
    opened_at: float | None = field(init=False, default=None)
    probe_at: float = field(init=False, default=0.0)
    probing: bool = field(init=False, default=False)
    _failures: int = field(init=False, default=0)
    _pause: float = field(init=False, default=_FIRST_PROBE)

    def delay(self, now: float) -> float:
        """Seconds until a request may leave: 0 when closed or when it is time for a probe."""
        if self.opened_at is None:
            return 0.0
        return _LONGEST_PROBE if self.probing else max(0.0, self.probe_at - now)

    def on_send(self) -> None:
        """A request leaves; when the breaker is open it is the probe."""
        self.probing = self.opened_at is not None

    def has_timed_out(self, now: float, not_before: float = 0.0) -> bool:
        """Whether it has been open for longer than the job may wait; a pause that the CRM asked for does not count."""
        return self.opened_at is not None and now - max(self.opened_at, not_before) >= self.unavailable_timeout

    def release_probe(self, now: float) -> None:
        """A probe ended with an answer that says nothing about health: the next one may leave."""
        if self.probing:
            self.probing, self.probe_at = False, now

    def record_result(self, now: float, healthy: bool) -> None:
        """Note how a request went; `healthy` is any answer that speaks of the record."""
        if self.opened_at is not None:
            self._after_probe(now, healthy)
            return
        self._failures = 0 if healthy else self._failures + 1
        if self._failures >= self.failure_threshold:
            self.opened_at, self._pause = now, _FIRST_PROBE
            self.probe_at = now + self._pause

    def _after_probe(self, now: float, healthy: bool) -> None:
        if healthy:
            self.opened_at = None
            self._failures = 0
        elif self.probing:
            self._pause = min(_LONGEST_PROBE, self._pause * 2)
            self.probe_at = now + self._pause
        self.probing = False


@dataclass
class RetryBudget:
    """Retries may be at most a fifth of all requests, and always a few."""

    share: float = 0.2
    min_retries: int = 20
    posts: int = field(init=False, default=0)
    retries: int = field(init=False, default=0)

    def allows(self) -> bool:
        """Whether one more retry stays within the budget."""
        return self.retries < max(self.min_retries, self.share * self.posts)


@dataclass
class AdaptiveConcurrency:
    """How many requests may be under way: doubles while that costs no latency, grows by one a round trip while it costs
    some, halves when the median doubles.

    Judged on medians, once per round trip, so that one call of 30 s changes nothing; and halved after two such round
    trips, for this machine may have stood still during one. When a quarter of the load takes as long as the whole did,
    the load was not the reason: the CRM has become slower. Half of its new pace is what is compared with from then on,
    so that the limit grows again, but one by one: other tasks may just have taken the room.
    """

    max_limit: int
    limit: int = field(init=False)
    _best: float | None = field(init=False, default=None)
    _round: list[float] = field(init=False, default_factory=list)
    _slow_rounds: int = field(init=False, default=0)
    _halvings: int = field(init=False, default=0)
    _before: float = field(init=False, default=0.0)
    _settling: bool = field(init=False, default=False)
    # Below this many seconds a longer round trip is this machine's own noise.
    slack: float = 0.01

    def __post_init__(self) -> None:
        self.limit = min(8, self.max_limit)

    def record(self, seconds: float) -> None:
        """Note the round trip of one answer on a record; a refusal at the door says nothing about the work."""
        self._round.append(seconds)
        if len(self._round) < self.limit:
            return
        median = statistics.median(self._round)
        self._round.clear()
        if self._settling:
            # These were under way before the limit was halved.
            self._settling = False
            return
        if self._in_vain(median):
            self._best = median / 2
        self._best = median if self._best is None else min(median, self._best)
        self._slow_rounds = self._slow_rounds + 1 if median > 2 * self._best + self.slack else 0
        if self._slow_rounds == _SLOW_ROUNDS:
            self._halve(median)
        elif median <= 1.3 * self._best + self.slack:
            self.limit = min(self.max_limit, self.limit * 2)
        elif not self._slow_rounds:
            self.limit = min(self.max_limit, self.limit + 1)

    def _halve(self, median: float) -> None:
        if not self._halvings:
            self._before = median
        self._halvings += 1
        self._slow_rounds, self._settling = 0, True
        self.limit = max(1, self.limit // 2)

    def _in_vain(self, median: float) -> bool:
        """Whether the limit was halved twice and the round trip is as long as before."""
        shorter = median <= _SHORTER * self._before
        in_vain = self._halvings > 1 and not shorter
        if shorter or in_vain:
            self._halvings = 0
        return in_vain


def backoff(attempt: int, base: float = 0.5, longest: float = 30.0) -> float:
    """Seconds before retry number `attempt` (from 1): exponential with full jitter."""
    return random.uniform(0, min(longest, base * 2**attempt))  # noqa: S311 - jitter needs no cryptography
