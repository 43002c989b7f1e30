"""The verdict of the canary: what its first users have in common."""

from __future__ import annotations

from engagement_jobs.delivery.evidence.hold import Hold
from engagement_jobs.delivery.evidence.provisional import ProvisionalRejections
from engagement_jobs.delivery.evidence.quorum import Quorum
from engagement_jobs.delivery.evidence.run_policy import (
    CANARY_REFUSAL,
    CANARY_UNREADABLE,
    CANARY_USERS,
    stop,
)
from engagement_jobs.delivery.limits.canary import Canary
from engagement_jobs.delivery.limits.circuit_breaker import CircuitBreaker
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.delivery.work_queue import WorkQueue


class CanaryEvidence:
    """Stops the run if no user of the canary has a success and several got the same answer.

    Before it stops, the task *holds*: a success in flight may contradict the verdict.
    """

    def __init__(
        self,
        canary: Canary,
        queue: WorkQueue,
        quorum: Quorum,
        breaker: CircuitBreaker,
        rejections: ProvisionalRejections,
    ) -> None:
        self._canary, self._queue, self._quorum = canary, queue, quorum
        self._breaker, self._rejections = breaker, rejections
        self.hold = Hold()

    def verdict(self, now: float, in_flight: int) -> StopReason | None:
        """Return the reason to stop, once no success can contradict it.

        :param now: seconds of the event loop's clock
        """
        if not self._canary.has_answer and self._canary.unanswered(now) >= self._quorum.several():
            self._breaker.open(now)
        reason = None if self._canary.had_success else self._common_answer()
        if reason is None:
            self.hold.end()
            return None
        self.hold.begin(now)
        return reason if self.hold.is_over(now, in_flight) else None

    def _common_answer(self) -> StopReason | None:
        canary, rejections = self._canary, self._rejections
        users = canary.refusals.total()
        is_same = len(canary.refusals) == 1 and users >= self._quorum.several(CANARY_USERS)
        if is_same or 0 < users == self._queue.total:
            reasons = ", ".join(reason for reason, _ in canary.refusals.most_common())
            return stop(CANARY_REFUSAL, users=users, reason=reasons)
        if rejections.are_shared:
            return stop(CANARY_REFUSAL, users=rejections.shared_users, reason=rejections.shared_reasons)
        reason, users = canary.unreadable()
        return stop(CANARY_UNREADABLE, users=users, reason=reason) if users >= self._quorum.several() else None
