"""The CRM's own rate limit: a token bucket over all clients."""

import math
import time
from collections.abc import Callable


class TokenBucket:
    """A token bucket.

    :param rate: average requests per second
    :param burst: requests at once; None is the rate
    """

    def __init__(self, rate: float, burst: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = max(1.0, rate if burst is None else burst)
        self._clock = clock
        self._tokens = self._burst
        self._refilled_at = clock()

    def take(self) -> int:
        """Take a token and return 0, or return the seconds, rounded up, until a token is available."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._refilled_at) * self._rate)
        self._refilled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return math.ceil((1 - self._tokens) / self._rate)
