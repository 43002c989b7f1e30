"""Conditions under which a task stops sending before all rows were sent."""

from __future__ import annotations

import time
from dataclasses import replace

from engagement_jobs.delivery import stop_reasons
from engagement_jobs.delivery.delivery_settings import DeliverySettings
from engagement_jobs.delivery.evidence.run_evidence import RunEvidence
from engagement_jobs.delivery.evidence.run_policy import THROTTLED, stop
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.limits.request_limits import RequestLimits
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.delivery.work_queue import WorkQueue

# Interval between two evaluations while requests are sent; an evaluation per request would cost CPU.
_CHECK_SECONDS = 0.05


class StopConditions:
    """Evaluates the conditions and keeps the first reason to stop. Times are seconds of the event loop's clock.

    :param check_always: evaluate the conditions before every request; for the few requests of the canary
    :param reason: if given, the task sends nothing and counts all rows
    """

    def __init__(
        self,
        settings: DeliverySettings,
        limits: RequestLimits,
        queue: WorkQueue,
        ledger: Ledger,
        evidence: RunEvidence,
        reason: StopReason | None,
        *,
        check_always: bool,
    ) -> None:
        self.reason = reason
        self._settings, self._limits, self._queue = settings, limits, queue
        self._ledger, self._evidence = ledger, evidence
        self._check_always = check_always
        self._next_check = 0.0

    @property
    def hold(self) -> bool:
        """Whether nothing may be sent until the requests in flight are answered."""
        return self._evidence.hold

    def trigger(self, reason: StopReason) -> None:
        """Stop for this reason, unless there is one already."""
        if self.reason is None:
            self.reason = reason

    def check(self, now: float, in_flight: int) -> bool:
        """Return whether the task must stop. Evaluates the conditions if the last evaluation is not recent."""
        if self.reason is None and (now >= self._next_check or self._check_always):
            self._next_check = now + _CHECK_SECONDS
            self.reason = self._evaluate(now, in_flight)
        return self.reason is not None

    def check_before_next_request(self) -> None:
        """Make the next `check` evaluate the conditions."""
        self._next_check = 0.0

    def note_ledger_failure(self, cause: str) -> None:
        """Replace any earlier reason: rows without a ledger line may have been sent."""
        self.reason = StopReason(stop_reasons.LEDGER_UNWRITABLE, cause)

    def add_retry_after(self) -> None:
        """Add the end of the wait after pushback, because the next attempt must wait for it too."""
        seconds = self._limits.rate.not_before - time.monotonic()
        if self.reason is not None and seconds > 0:
            self.reason = replace(self.reason, not_before=time.time() + seconds)

    def _evaluate(self, now: float, in_flight: int) -> StopReason | None:
        settings, announced_until = self._settings, self._limits.rate.announced_until
        left = settings.deadline - time.time()
        if left <= 0:
            return stop_reasons.deadline()
        if announced_until - now > left and not self._queue.is_empty:
            return stop_reasons.retry_after_too_long(self._limits.announced_end())
        if self._ledger.failed:
            return StopReason(stop_reasons.LEDGER_UNWRITABLE, self._ledger.failed)
        if self._limits.pushback.stops_run(now):
            pushback = self._limits.pushback
            return stop(THROTTLED, seconds=pushback.seconds(now), reason=pushback.last_reason)
        return self._evidence.verdict(now, in_flight, announced_until)
