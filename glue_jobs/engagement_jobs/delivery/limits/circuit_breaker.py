"""Circuit breaker: stops sending while the CRM fails for all users."""

from __future__ import annotations

from dataclasses import dataclass, field

_FIRST_PROBE_SECONDS = 1.0
_MAX_PROBE_SECONDS = 30.0


@dataclass
class CircuitBreaker:
    """Opens after consecutive failures of the CRM as a whole, then allows single probes at growing intervals.

    All times are seconds of the event loop's clock.

    :param unavailable_timeout: seconds for which it may stay open before the task stops
    :param failure_threshold: consecutive failures that open it
    """

    unavailable_timeout: float
    failure_threshold: int = 20
    opened_at: float | None = field(init=False, default=None)
    probing: bool = field(init=False, default=False)
    _next_probe_at: float = field(init=False, default=0.0)
    _probe_interval: float = field(init=False, default=_FIRST_PROBE_SECONDS)
    _failures: int = field(init=False, default=0)

    def delay(self, now: float) -> float:
        """Return the seconds until a request may be sent: 0 if the breaker is closed or a probe is due."""
        if self.opened_at is None:
            return 0.0
        return _MAX_PROBE_SECONDS if self.probing else max(0.0, self._next_probe_at - now)

    def on_send(self) -> None:
        """Note that a request is sent. It is a probe if the breaker is open."""
        self.probing = self.opened_at is not None

    def has_timed_out(self, now: float, not_before: float = 0.0) -> bool:
        """Return whether the breaker has been open for longer than the task may wait.

        :param not_before: end of a pause that the CRM requested; the time before it does not count
        """
        return self.opened_at is not None and now - max(self.opened_at, not_before) >= self.unavailable_timeout

    def release_probe(self, now: float) -> None:
        """Allow the next probe, because the response to this one says nothing about the CRM's health."""
        if self.probing:
            self.probing, self._next_probe_at = False, now

    def record_result(self, now: float, healthy: bool) -> None:
        """Record how a request ended.

        :param healthy: the CRM processed the request, whatever the outcome for the user
        """
        if self.opened_at is not None:
            self._record_probe(now, healthy)
            return
        self._failures = 0 if healthy else self._failures + 1
        if self._failures >= self.failure_threshold:
            self.opened_at, self._probe_interval = now, _FIRST_PROBE_SECONDS
            self._next_probe_at = now + self._probe_interval

    def _record_probe(self, now: float, healthy: bool) -> None:
        if healthy:
            self.opened_at = None
            self._failures = 0
        elif self.probing:
            self._probe_interval = min(_MAX_PROBE_SECONDS, self._probe_interval * 2)
            self._next_probe_at = now + self._probe_interval
        self.probing = False
