"""Failures in a row: the evidence that the CRM as a whole is unavailable."""

from __future__ import annotations

from engagement_jobs.delivery.evidence.quorum import Quorum
from engagement_jobs.delivery.evidence.run_policy import CANARY_FAILURES, IN_A_ROW, LONE_FAILURES
from engagement_jobs.delivery.limits.canary import Canary
from engagement_jobs.delivery.limits.circuit_breaker import CircuitBreaker
from engagement_jobs.delivery.request_state import InFlightRequest


class Failures:
    """Opens the circuit breaker after failures in a row of several users. Times are those of the event loop's clock.

    A user who *failed alone*, while the CRM answered others, says nothing about the run. Otherwise the last users of a
    task, who get the same failure at every retry, would look like an outage.
    """

    def __init__(self, breaker: CircuitBreaker, quorum: Quorum, canary: Canary | None) -> None:
        self.last_reason = "none"
        """Reason of the last failure."""
        self._breaker, self._quorum, self._canary = breaker, quorum, canary
        self._answered_at = float("-inf")
        self._answered_sent_at = float("-inf")
        self._failures = 0
        self._lone_failures = 0
        self._users = 0
        self._streak = 1
        self._conflicts: set[str] = set()

    def record_answer(self, request: InFlightRequest, now: float) -> None:
        """Record a final answer to a request."""
        self._answered_at = now
        if self._conflicts:
            self._conflicts.clear()
        if request.sent_at > self._answered_sent_at:
            self._answered_sent_at = request.sent_at
        if self._failures:
            self.end_streak()

    def end_streak(self) -> None:
        """Forget the failures in a row, because the CRM processed a request."""
        self._failures = self._users = 0
        self._streak += 1

    def is_conflict_of_all(self, request: InFlightRequest) -> bool:
        """Record a 409, and return whether so many users got one since the last final answer that it is an outage."""
        if len(self._conflicts) < IN_A_ROW and not self.failed_alone(request):
            self._conflicts.add(request.update.user_id)
        return len(self._conflicts) >= IN_A_ROW

    def record_failure(self, request: InFlightRequest, reason: str, now: float) -> None:
        """Record a failed request, and open the breaker if it is one too many."""
        self.last_reason = reason
        if self.failed_alone(request):
            self._record_lone_failure(request, now)
            return
        self._failures += 1
        if request.failure_streak != self._streak:
            request.failure_streak = self._streak
            self._users += 1
        needed = CANARY_FAILURES if self._canary is not None and not self._canary.passed else IN_A_ROW
        if self._failures >= needed and self._users >= self._quorum.several():
            self._breaker.open(now)

    def _record_lone_failure(self, request: InFlightRequest, now: float) -> None:
        """Open the breaker if there is no answer for so many users that the CRM is likely down for everyone."""
        if request.tries == 1 and self._answered_at == float("-inf"):
            self._lone_failures += 1
            if self._lone_failures >= LONE_FAILURES:
                self._breaker.open(now)

    def failed_alone(self, request: InFlightRequest) -> bool:
        """Return whether the CRM answered others while it failed for this user.

        The first failure of a user is compared with requests that were sent after the user's, because at the start of
        an outage the requests in flight were sent while others were still answered.
        """
        if request.update.failed_alone:
            return True
        return request.started_at < (self._answered_sent_at if request.tries < 2 else self._answered_at)
