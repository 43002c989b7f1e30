"""Conditions under which a task stops sending before all rows were sent."""

from __future__ import annotations

import time
from dataclasses import replace

from engagement_jobs.delivery import stop_reasons
from engagement_jobs.delivery.delivery_settings import DeliverySettings
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.limits.canary import Canary
from engagement_jobs.delivery.limits.request_limits import RequestLimits
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.delivery.work_queue import WorkQueue

# Interval between two evaluations while requests are sent; an evaluation per request would cost CPU.
_CHECK_SECONDS = 0.05


class StopConditions:
    """Evaluates the conditions and keeps the first reason to stop. Times are seconds of the event loop's clock.

    :param canary: None for tasks other than the canary's
    :param reason: if given, the task sends nothing and counts all rows
    """

    def __init__(
        self,
        settings: DeliverySettings,
        limits: RequestLimits,
        queue: WorkQueue,
        ledger: Ledger,
        canary: Canary | None,
        reason: StopReason | None,
    ) -> None:
        self.reason = reason
        self._settings, self._limits, self._queue, self._ledger = settings, limits, queue, ledger
        self._canary = canary
        self._healthy_at = 0.0
        self._last_failure = "none"
        self._next_check = 0.0

    def trigger(self, reason: StopReason) -> None:
        """Stop for this reason, unless there is one already."""
        if self.reason is None:
            self.reason = reason

    def check(self, now: float, in_flight: int) -> bool:
        """Return whether the task must stop. Evaluates the conditions if the last evaluation is not recent."""
        if self.reason is None and (now >= self._next_check or self._canary is not None):
            self._next_check = now + _CHECK_SECONDS
            self.reason = self._evaluate(now, in_flight)
        return self.reason is not None

    def check_before_next_request(self) -> None:
        """Make the next `check` evaluate the conditions."""
        self._next_check = 0.0

    def record_result(self, now: float, healthy: bool, reason: str) -> None:
        """Record how a request ended.

        :param reason: reason of its classification
        """
        if healthy:
            self._healthy_at = now
        else:
            self._last_failure = reason

    def reset_idle_time(self, now: float) -> None:
        """Start to measure the time without a healthy response, because nothing was sent until now."""
        self._healthy_at = max(self._healthy_at, now)

    def note_ledger_failure(self, cause: str) -> None:
        """Replace any earlier reason: rows without a ledger line may have been sent."""
        self.reason = StopReason(stop_reasons.LEDGER_UNWRITABLE, cause)

    def add_retry_after(self) -> None:
        """Add the end of the pause that the CRM requested, because the next attempt must wait for it too."""
        if self.reason is not None and self._limits.rate.not_before > time.monotonic():
            self.reason = replace(self.reason, not_before=self._limits.retry_after_end())

    def _evaluate(self, now: float, in_flight: int) -> StopReason | None:
        settings, not_before = self._settings, self._limits.rate.not_before
        left = settings.deadline - time.time()
        if left <= 0:
            return stop_reasons.deadline()
        if not_before - now > left:
            return stop_reasons.retry_after_too_long(self._limits.retry_after_end())
        is_expecting = in_flight > 0 or self._queue.waiting > 0
        is_silent = is_expecting and now - max(self._healthy_at, not_before) >= settings.unavailable_timeout
        if is_silent or self._limits.breaker.has_timed_out(now, not_before):
            return stop_reasons.crm_unavailable(settings.unavailable_timeout, self._last_failure)
        if self._ledger.failed:
            return StopReason(stop_reasons.LEDGER_UNWRITABLE, self._ledger.failed)
        refusal = self._canary.common_refusal() if self._canary is not None else None
        return stop_reasons.canary_refused(self._queue.started, refusal) if refusal is not None else None
