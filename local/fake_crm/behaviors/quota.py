"""A quota that the CRM announces: a number of requests in a window, in the headers of every answer."""

import math
import time
from collections.abc import Callable

STYLES = ("draft", "fields", "x", "x-epoch", "hubspot", "none")
_DAILY = 1_000_000


class Quota:
    """A fixed window: it starts with its first request and ends `seconds` later.

    :param limit: requests in a window
    :param style: how headers announce it. `draft`: RateLimit-Policy and RateLimit of the current IETF draft. `fields`:
        RateLimit-Limit, -Remaining and -Reset of earlier drafts. `x` and `x-epoch`: the same with X-RateLimit-, the
        reset as seconds from now or as epoch second. `hubspot`: its headers, which have no reset. `none`: not at all
    """

    def __init__(
        self, limit: int, seconds: float, style: str = "draft", clock: Callable[[], float] = time.time
    ) -> None:
        self._limit = limit
        self._seconds = seconds
        self._style = style
        self._clock = clock
        self._ends_at = -math.inf
        self._used = 0

    def take(self) -> int:
        """Count a request and return 0, or return the seconds, rounded up, until the next window if it exceeds."""
        now = self._clock()
        if now >= self._ends_at:
            self._ends_at, self._used = now + self._seconds, 0
        if self._used >= self._limit:
            return math.ceil(self._ends_at - now)
        self._used += 1
        return 0

    def headers(self) -> dict[str, str]:
        """Return the headers of an answer at this time."""
        left, reset = self._limit - self._used, max(0, math.ceil(self._ends_at - self._clock()))
        if self._style == "draft":
            return {
                "RateLimit-Policy": f'"default";q={self._limit};w={math.ceil(self._seconds)}',
                "RateLimit": f'"default";r={left};t={reset}',
            }
        if self._style == "hubspot":
            return {
                "X-HubSpot-RateLimit-Daily": str(_DAILY),
                "X-HubSpot-RateLimit-Daily-Remaining": str(_DAILY - self._used),
                "X-HubSpot-RateLimit-Interval-Milliseconds": str(round(1000 * self._seconds)),
                "X-HubSpot-RateLimit-Max": str(self._limit),
                "X-HubSpot-RateLimit-Remaining": str(left),
            }
        if self._style == "none":
            return {}
        prefix = "RateLimit" if self._style == "fields" else "X-RateLimit"
        end = math.ceil(self._ends_at) if self._style == "x-epoch" else reset
        return {f"{prefix}-Limit": str(self._limit), f"{prefix}-Remaining": str(left), f"{prefix}-Reset": str(end)}
