"""The evidence of one task: what its requests say about the run, and the verdict that follows."""

from __future__ import annotations

import time

from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.delivery.evidence.canary_evidence import CanaryEvidence
from engagement_jobs.delivery.evidence.failures import Failures
from engagement_jobs.delivery.evidence.provisional import ProvisionalRejections
from engagement_jobs.delivery.evidence.quorum import Quorum
from engagement_jobs.delivery.evidence.refusals import Refusals
from engagement_jobs.delivery.evidence.run_policy import (
    SHARED_REFUSAL,
    UNAVAILABLE,
    stop,
)
from engagement_jobs.delivery.limits.canary import Canary
from engagement_jobs.delivery.limits.circuit_breaker import CircuitBreaker
from engagement_jobs.delivery.outcome_recorder import OutcomeRecorder
from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.delivery.work_queue import WorkQueue


class RunEvidence:
    """Gives every result of a request to the parts that count it.

    :param canary: None for tasks other than the canary's
    :param had_success: whether the CRM accepted a score of the canary that preceded this task
    """

    def __init__(
        self,
        queue: WorkQueue,
        breaker: CircuitBreaker,
        outcomes: OutcomeRecorder,
        canary: Canary | None,
        *,
        had_success: bool,
    ) -> None:
        self._queue, self._breaker, self._canary = queue, breaker, canary
        self._outcomes, self._had_success = outcomes, had_success
        self._quorum = Quorum(queue, starts_run=canary is not None)
        self._failures = Failures(breaker, self._quorum, canary)
        self.refusals = Refusals(self._quorum, outcomes, had_success=had_success)
        self._rejections = ProvisionalRejections(breaker, outcomes)
        self._canary_evidence: CanaryEvidence | None = None
        if canary is not None:
            self._canary_evidence = CanaryEvidence(canary, queue, self._quorum, breaker, self._rejections)
        parts = (self.refusals, self._rejections, self._canary_evidence)
        self._holds = [part.hold for part in parts if part is not None]

    def record(self, request: InFlightRequest, classification: ResponseClassification) -> None:
        """Record how a request ended."""
        now = time.monotonic()
        if self._canary is not None:
            self._canary.record(request, classification)
        if classification.action is Action.FINALIZE:
            self._failures.record_answer(request, now)
            self._record_final_answer(request, classification, now)
        elif classification.reason == "http_409" and classification.action is Action.RETRY:
            self._record_conflict(request, now)
        elif classification.action is Action.RETRY:
            self._breaker.record_failure(now, is_probe=request.probe)
            self._failures.record_failure(request, classification.reason, now)
        elif classification.action is not Action.REJECT and request.probe:
            # Throttling and refused tokens say nothing about the CRM's health.
            self._breaker.release_probe(now)

    @property
    def hold(self) -> bool:
        """Whether nothing may be sent until the requests in flight are answered."""
        return any(hold.is_active for hold in self._holds)

    def refuse(self, request: InFlightRequest, classification: ResponseClassification) -> None:
        """Record a user whose token, access or connection was refused, with the outcome unless it may change."""
        self.refusals.add(request, classification)

    def reject(self, request: InFlightRequest, classification: ResponseClassification) -> None:
        """Record a user whose score was refused. The outcome is recorded when there is evidence."""
        now = time.monotonic()
        self._rejections.add(request, classification, now)
        if classification.replayed or classification.reason == request.update.earlier_refusal:
            # A refusal as before shows that the CRM is the same as before.
            self._failures.record_answer(request, now)
            if self._breaker.opened_at is not None:
                self._close_breaker(request, now)

    def finish(self) -> None:
        """Record the outcomes of the users that still wait for evidence at the end of the task."""
        self._outcomes.record_outcomes(self.refusals.take_tokens())
        self._rejections.finish(has_success=self._rejections.has_success or self._had_success)

    def verdict(self, now: float, in_flight: int, announced_until: float) -> StopReason | None:
        """Return the reason to stop if the evidence is sufficient.

        :param now: seconds of the event loop's clock
        :param announced_until: end of a wait that the CRM announced
        """
        if reason := self.refusals.verdict(now, in_flight):
            return reason
        self._rejections.decide(now, in_flight)
        if self._canary_evidence is not None and (reason := self._canary_evidence.verdict(now, in_flight)):
            return reason
        if self._breaker.opened_at is None:
            return None
        if not in_flight and self._only_lone_failures_left():
            self._breaker.close()
        if not self._breaker.has_timed_out(now, announced_until):
            return None
        seconds, rejections = self._breaker.unavailable_timeout, self._rejections
        if rejections.are_shared:
            return stop(
                SHARED_REFUSAL, users=rejections.shared_users, reason=rejections.shared_reasons, seconds=seconds
            )
        return stop(UNAVAILABLE, seconds=seconds, reason=self._failures.last_reason)

    def _record_final_answer(
        self, request: InFlightRequest, classification: ResponseClassification, now: float
    ) -> None:
        if classification.outcome == "delivered" and not classification.replayed:
            self._rejections.record_success(request)
            self.refusals.record_success(request)
        if self._breaker.opened_at is not None:
            self._close_breaker(request, now)

    def _record_conflict(self, request: InFlightRequest, now: float) -> None:
        """Record that the CRM is processing an identical request, which shows health, but not for all users."""
        if self._failures.is_conflict_of_all(request):
            self._failures.last_reason = "http_409"
            self._breaker.open(now)
            self._breaker.record_failure(now, is_probe=request.probe)
        else:
            self._failures.end_streak()
            self._close_breaker(request, now)

    def _close_breaker(self, request: InFlightRequest, now: float) -> None:
        """Close the breaker, unless it is open because of refusals: only a success shows that these have ended."""
        if not self._rejections.are_shared:
            self._breaker.close()
        elif request.probe:
            self._breaker.release_probe(now)

    def _only_lone_failures_left(self) -> bool:
        is_last = self._queue.total == self._queue.started
        return is_last and all(self._failures.failed_alone(request) for request in self._queue.waiting_requests())
