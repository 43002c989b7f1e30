"""A hold: before a verdict on the run, the requests in flight are awaited, because a success may contradict it."""

from __future__ import annotations

from engagement_jobs.delivery.evidence.run_policy import ANSWER_SECONDS


class Hold:
    """While it is active, the task sends nothing. Times are seconds of the event loop's clock."""

    def __init__(self) -> None:
        self._since: float | None = None

    @property
    def is_active(self) -> bool:
        """Whether nothing may be sent."""
        return self._since is not None

    def begin(self, now: float) -> None:
        """Begin the hold, unless it is active."""
        if self._since is None:
            self._since = now

    def end(self) -> None:
        """Allow requests again."""
        self._since = None

    def is_over(self, now: float, in_flight: int) -> bool:
        """Return whether it is active and no request in flight is worth waiting for any longer."""
        return self._since is not None and (not in_flight or now - self._since >= ANSWER_SECONDS)
