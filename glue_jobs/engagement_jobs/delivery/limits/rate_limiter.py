"""Rate limiter of one task: a token bucket that the CRM's throttling slows down or halts."""

from __future__ import annotations

from dataclasses import dataclass, field

# Throttling halves the rate. It recovers by this fraction of the limit in every second without throttling.
_RECOVERY_PER_SECOND = 0.1
_MIN_FRACTION = 0.05
# Responses that arrive within this time of the first one count as the same throttling.
_THROTTLE_WINDOW_SECONDS = 1.0
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
    _refilled_at: float | None = field(init=False, default=None)
    _throttled_at: float = field(init=False, default=float("-inf"))

    def delay(self, now: float) -> float:
        """Return the seconds until a request may be sent; 0 if it may be sent now."""
        self._refill(now)
        if now < self.not_before:
            return self.not_before - now
        missing = 1 - self.tokens
        return 0.0 if missing < _ROUNDING_ERROR else missing / (self.limit * self.fraction)

    def acquire(self) -> None:
        """Take the token of a request that is sent now."""
        self.tokens -= 1

    def throttle(self, now: float, retry_after: float | None) -> None:
        """Slow down because the CRM throttled a request.

        :param retry_after: seconds from now during which nothing may be sent; None if the CRM named no time
        """
        self._refill(now)
        # Requests in flight at the same time get the same response: it counts once.
        if now - self._throttled_at >= _THROTTLE_WINDOW_SECONDS:
            self.fraction = max(_MIN_FRACTION, self.fraction / 2)
            self._throttled_at = now
        self.tokens = min(self.tokens, 0.0)
        if retry_after is not None:
            self.not_before = max(self.not_before, now + retry_after)

    def _refill(self, now: float) -> None:
        # A pause adds no tokens, because the CRM has requested fewer requests, not a burst after the pause.
        elapsed = 0.0 if self._refilled_at is None else max(0.0, now - max(self._refilled_at, self.not_before))
        self._refilled_at = now
        if self.fraction < 1.0:
            self.fraction = min(1.0, self.fraction + elapsed * _RECOVERY_PER_SECOND)
        self.tokens = min(self.burst, self.tokens + elapsed * self.limit * self.fraction)
