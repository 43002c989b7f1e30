"""Adaptive limit on the requests in flight, based on latency."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

_INITIAL_LIMIT = 8
_SLOW_WINDOWS_BEFORE_HALVING = 2
# Differences below this many seconds are noise of this machine.
_NOISE_SECONDS = 0.01
# If the median falls to this fraction after the limit was halved, the load was the cause of the latency.
_RELIEF_FRACTION = 0.8


@dataclass
class AdaptiveConcurrency:
    """Adapts `limit`, the number of requests that may be in flight.

    The limit doubles while latency stays the same, grows by one while latency grows a little, and halves when the
    median doubles. It changes once per window of `limit` responses, so that a single response of 30 s has no effect.
    It halves only after two slow windows, because this machine may have been suspended during one.

    If two halvings do not reduce the latency, the load was not its cause: the CRM itself has become slower. The
    baseline is then half of the new median. The limit grows again, but only by one per window, because other tasks may
    have taken the capacity.

    :param max_limit: upper bound of `limit`
    """

    max_limit: int
    limit: int = field(init=False)
    _baseline: float | None = field(init=False, default=None)
    _window: list[float] = field(init=False, default_factory=list)
    _slow_windows: int = field(init=False, default=0)
    _halvings: int = field(init=False, default=0)
    _median_before_halving: float = field(init=False, default=0.0)
    _skip_window: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.limit = min(_INITIAL_LIMIT, self.max_limit)

    def record_latency(self, seconds: float) -> None:
        """Record the latency of a final response. The CRM throttles a request before it processes it."""
        self._window.append(seconds)
        if len(self._window) < self.limit:
            return
        median = statistics.median(self._window)
        self._window.clear()
        if self._skip_window:
            self._skip_window = False
        else:
            self._adjust(median)

    def _adjust(self, median: float) -> None:
        if self._consume_halving_result(median):
            self._baseline = median / 2
        self._baseline = median if self._baseline is None else min(median, self._baseline)
        is_slow = median > 2 * self._baseline + _NOISE_SECONDS
        self._slow_windows = self._slow_windows + 1 if is_slow else 0
        if self._slow_windows == _SLOW_WINDOWS_BEFORE_HALVING:
            self._halve(median)
        elif median <= 1.3 * self._baseline + _NOISE_SECONDS:
            self.limit = min(self.max_limit, self.limit * 2)
        elif not self._slow_windows:
            self.limit = min(self.max_limit, self.limit + 1)

    def _halve(self, median: float) -> None:
        if not self._halvings:
            self._median_before_halving = median
        self._halvings += 1
        self._slow_windows = 0
        # The next window has requests that were sent before the limit was halved.
        self._skip_window = True
        self.limit = max(1, self.limit // 2)

    def _consume_halving_result(self, median: float) -> bool:
        """Return whether two halvings did not reduce the latency. If that is known, start to count halvings again."""
        was_relieved = median <= _RELIEF_FRACTION * self._median_before_halving
        had_no_effect = self._halvings > 1 and not was_relieved
        if was_relieved or had_no_effect:
            self._halvings = 0
        return had_no_effect
