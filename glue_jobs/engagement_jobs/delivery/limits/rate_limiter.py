"""Rate limiter of one task: a token bucket that the CRM's waits, pushback and announced quotas slow down or halt."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from engagement_jobs.delivery.limits.quota_pacing import NO_LIMIT, Pace

# Pushback halves the rate. It recovers by this fraction of the limit in every second without pushback.
_RECOVERY_PER_SECOND = 0.1
_MIN_FRACTION = 0.05
# Responses that arrive within this time of the first one count as the same pushback.
_SLOWDOWN_WINDOW_SECONDS = 1.0
# A rounding error must not count as a missing token: the wait would be too short to advance the clock.
_ROUNDING_ERROR = 1e-9


@dataclass
class RateLimiter:
    """Token bucket. All times are seconds of the event loop's clock.

    :param limit: requests per second
    :param burst: requests that may be sent at once
    """

    limit: float
    burst: float
    tokens: float = field(init=False, default=0.0)
    fraction: float = field(init=False, default=1.0)
    not_before: float = field(init=False, default=0.0)
    announced_until: float = field(init=False, default=0.0)
    """End of the waits that the CRM announced; the other waits are this task's own choice."""
    _pace: Pace = field(init=False, default=NO_LIMIT)
    _refilled_at: float | None = field(init=False, default=None)
    _slowed_at: float = field(init=False, default=float("-inf"))

    def delay(self, now: float) -> float:
        """Return the seconds until a request may be sent; 0 if it may be sent now."""
        self._refill(now)
        if now < self.not_before:
            return self.not_before - now
        missing = 1 - self.tokens
        return 0.0 if missing < _ROUNDING_ERROR else self._seconds_until(missing, now)

    def acquire(self) -> None:
        """Take the token of a request that is sent now."""
        self.tokens -= 1

    def slow_down(self, now: float) -> None:
        """Halve the rate, because the CRM pushed back. Responses of requests in flight at the same time count once."""
        self._refill(now)
        if now - self._slowed_at >= _SLOWDOWN_WINDOW_SECONDS:
            self.fraction = max(_MIN_FRACTION, self.fraction / 2)
            self._slowed_at = now
        self.tokens = min(self.tokens, 0.0)

    def wait(self, now: float, seconds: float, *, is_announced: bool) -> None:
        """Send nothing for so many seconds from now.

        :param is_announced: the CRM requested it
        """
        self._refill(now)
        self.tokens = min(self.tokens, 0.0)
        self.not_before = max(self.not_before, now + seconds)
        if is_announced:
            self.announced_until = max(self.announced_until, now + seconds)

    def set_pace(self, now: float, pace: Pace) -> None:
        """Send no faster than a quota allows."""
        self._refill(now)
        self._pace = pace
        self._refill(now)
        if not pace.rate:
            self.wait(now, pace.reset_at - now, is_announced=True)

    def _rate(self, now: float) -> float:
        rate = self.limit * self.fraction
        return rate if self._pace is NO_LIMIT else min(rate, self._pace.at(now))

    def _seconds_until(self, missing: float, now: float) -> float:
        """Return the seconds until so many tokens are added, or until the rate changes if that is earlier."""
        rate = self._rate(now)
        seconds = missing / rate if rate else math.inf
        return min(seconds, self._pace.reset_at - now) if now < self._pace.reset_at else seconds

    def _refill(self, now: float) -> None:
        # A wait adds no tokens, because the CRM has requested fewer requests, not a burst after the wait.
        elapsed = 0.0 if self._refilled_at is None else max(0.0, now - max(self._refilled_at, self.not_before))
        self._refilled_at = now
        if self.fraction < 1.0:
            self.fraction = min(1.0, self.fraction + elapsed * _RECOVERY_PER_SECOND)
        # A task that shares a quota must not save up requests.
        capacity = self.burst if self._pace is NO_LIMIT else 1.0
        self.tokens = min(capacity, self.tokens + elapsed * self._rate(now))
