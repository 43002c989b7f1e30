"""Circuit breaker: stops sending while the CRM fails or refuses everyone."""

from __future__ import annotations

from dataclasses import dataclass, field

_FIRST_PROBE_SECONDS = 1.0
_MAX_PROBE_SECONDS = 30.0


@dataclass
class CircuitBreaker:
    """Once opened, allows single probes at growing intervals. `delivery.evidence` decides when it opens and closes.

    All times are seconds of the event loop's clock.

    :param unavailable_timeout: seconds for which it may stay open before the task stops
    """

    unavailable_timeout: float
    opened_at: float | None = field(init=False, default=None)
    probing: bool = field(init=False, default=False)
    _longest_wait: float = field(init=False, default=0.0)
    _next_probe_at: float = field(init=False, default=0.0)
    _probe_interval: float = field(init=False, default=_FIRST_PROBE_SECONDS)

    def open(self, now: float) -> None:
        """Open it, unless it is open."""
        if self.opened_at is None:
            self.opened_at, self.probing, self._longest_wait = now, False, 0.0
            self._probe_interval = _FIRST_PROBE_SECONDS
            self._next_probe_at = now + self._probe_interval

    def close(self) -> None:
        """Allow all requests."""
        self.opened_at, self.probing = None, False

    def delay(self, now: float) -> float:
        """Return the seconds until a request may be sent: 0 if the breaker is closed or a probe is due."""
        if self.opened_at is None:
            return 0.0
        return _MAX_PROBE_SECONDS if self.probing else max(0.0, self._next_probe_at - now)

    def on_send(self) -> None:
        """Note that a request is sent. It is a probe if the breaker is open."""
        self.probing = self.opened_at is not None

    def has_timed_out(self, now: float, announced_until: float = 0.0) -> bool:
        """Return whether the breaker has been open for longer than the task may wait.

        :param announced_until: end of a wait that the CRM announced; the longest of these waits does not count
        """
        if self.opened_at is None:
            return False
        self._longest_wait = max(self._longest_wait, announced_until - now)
        return now - self.opened_at - self._longest_wait >= self.unavailable_timeout

    def release_probe(self, now: float) -> None:
        """Allow the next probe, because the response to this one says nothing about the CRM's health."""
        if self.probing:
            self.probing, self._next_probe_at = False, now

    def record_failure(self, now: float, *, is_probe: bool) -> None:
        """Record a failed request.

        :param is_probe: whether it was a probe; requests sent before the breaker opened may fail later
        """
        if self.probing and is_probe:
            self.probing = False
            self._probe_interval = min(_MAX_PROBE_SECONDS, self._probe_interval * 2)
            self._next_probe_at = now + self._probe_interval
