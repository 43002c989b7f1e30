"""When the next request may leave: a token bucket that the CRM's own pacing can slow down or halt.

Times are seconds of the event loop's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# After pushback the pace is halved and climbs back by this share of the limit every second without pushback.
_RECOVERY_PER_SECOND = 0.1
_MIN_SHARE = 0.05
_ONE_WORD_SECONDS = 1.0
# A token short by less than rounding errors is there: waiting for it would not move the clock.
_EXACT = 1e-9
# A longer pause is the same to any job, and a time beyond it may not exist.
_MAX_SECONDS = 366 * 86_400.0


@dataclass
class RateLimiter:
    """A rate of `limit` requests per second with bursts of at most `burst`."""

    limit: float
    burst: float
    tokens: float = field(init=False, default=0.0)
    share: float = field(init=False, default=1.0)
    not_before: float = field(init=False, default=0.0)
    _seen: float | None = field(init=False, default=None)
    _slowed: float = field(init=False, default=float("-inf"))

    def delay(self, now: float) -> float:
        """Seconds until a request may leave; 0 when it may leave now."""
        self._refill(now)
        if now < self.not_before:
            return self.not_before - now
        missing = 1 - self.tokens
        return 0.0 if missing < _EXACT else missing / (self.limit * self.share)

    def acquire(self) -> None:
        """Spend the token of a request that leaves now."""
        self.tokens -= 1

    def throttle(self, now: float, retry_after: float | None) -> None:
        """The server asked for fewer requests; `retry_after` seconds from now there may be none at all."""
        self._refill(now)
        # Requests that were under way together get the same word: it counts once.
        if now - self._slowed >= _ONE_WORD_SECONDS:
            self.share = max(_MIN_SHARE, self.share / 2)
            self._slowed = now
        self.tokens = min(self.tokens, 0.0)
        if retry_after is not None:
            self.not_before = max(self.not_before, now + retry_after)

    def _refill(self, now: float) -> None:
        # A pause earns nothing: a burst at its end would be what the CRM has just asked not to get.
        since = 0.0 if self._seen is None else max(0.0, now - max(self._seen, self.not_before))
        self._seen = now
        if self.share < 1.0:
            self.share = min(1.0, self.share + since * _RECOVERY_PER_SECOND)
        self.tokens = min(self.burst, self.tokens + since * self.limit * self.share)


def retry_after_seconds(value: str | None, answered: str | None) -> float | None:
    """Read `Retry-After`: seconds, or an HTTP date counted from the answer's own `Date`.

    Garbage, no time at all and dates in the past give None. Without a `Date` this machine's clock counts. A wait is
    never shortened.
    """
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _MAX_SECONDS) or None
    until, since = _http_date(text), _http_date(answered) or datetime.now(UTC)
    if until is None or until <= since:
        return None
    return min((until - since).total_seconds(), _MAX_SECONDS)


def _http_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
