"""The CRM's pacing: announced waits, pushback and quotas, obeyed by all requests of a task."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from engagement_jobs.crm_client.headers.quotas import announced_quotas
from engagement_jobs.crm_client.headers.waits import RequestedWait, requested_wait
from engagement_jobs.crm_client.http_client import CrmResponse
from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.delivery.delivery_settings import DeliverySettings
from engagement_jobs.delivery.limits.quota_pacing import NO_LIMIT, QuotaPacing
from engagement_jobs.delivery.limits.request_limits import RequestLimits
from engagement_jobs.delivery.request_state import InFlightRequest

# A shorter pause is over before another attempt can start.
_MIN_SAVED_SECONDS = 5.0

log = logging.getLogger("engagement.delivery")


class ServerPacing:
    """Applies what each response says about the CRM's capacity to the limits of the task.

    :param save: stores a long pause that the CRM requested, given its end in epoch seconds; blocking, called in a
        worker thread
    :param requests_left: returns how many requests the task still has to send; infinity if unknown
    """

    def __init__(
        self,
        settings: DeliverySettings,
        limits: RequestLimits,
        save: Callable[[float], None] | None,
        requests_left: Callable[[], float],
    ) -> None:
        self._max_wait, self._limits = settings.max_retry_after, limits
        self._save, self._requests_left = save, requests_left
        deadline = time.monotonic() + settings.deadline - time.time()
        self._quotas = QuotaPacing(settings.tasks, settings.max_retry_after, deadline)
        self._has_pace = False
        self._shortened = ""
        self._saved_until = 0.0

    def observe(self, request: InFlightRequest, classification: ResponseClassification, response: CrmResponse) -> bool:
        """Apply a response.

        :return: whether there is a long pause to save
        """
        is_pushback = classification.action is Action.BACK_OFF
        if classification.replayed:
            # A stored response says nothing about the CRM's capacity now.
            request.throttled_alone |= is_pushback
            if not is_pushback:
                self._limits.pushback.record_answer(request)
            return False
        wait = requested_wait(response.status, response.headers)
        quotas = announced_quotas(response.headers)
        if not (is_pushback or wait or quotas or self._has_pace):
            self._limits.pushback.record_answer(request)
            return False
        now = time.monotonic()
        announced = None if wait is None else self._shorten(wait)
        if is_pushback:
            self._push_back(request, classification.reason, announced, now)
        else:
            self._limits.pushback.record_answer(request)
            if announced is not None:
                self._limits.rate.wait(now, announced, is_announced=True)
        if quotas or self._has_pace:
            sent_since = self._limits.retry_budget.posts - request.number
            pace = self._quotas.pace(now, quotas, sent_since, self._requests_left())
            self._limits.rate.set_pace(now, pace)
            self._has_pace = pace is not NO_LIMIT
        return self._limits.rate.announced_until - max(now, self._saved_until) >= _MIN_SAVED_SECONDS

    async def save_pause(self) -> None:
        """Store the end of the pause that the CRM requested, once for all responses that request the same one."""
        ends, now = self._limits.rate.announced_until, time.monotonic()
        log.info("the CRM requested a pause of %.0f s", ends - now)
        self._saved_until = ends
        if self._save is None:
            return
        try:
            await asyncio.to_thread(self._save, self._limits.announced_end())
        except Exception as error:  # noqa: BLE001 - from the AWS client; this task observes the pause anyway
            self._saved_until = 0.0
            log.warning("Could not store the CRM's Retry-After: %s", type(error).__name__)

    def _push_back(self, request: InFlightRequest, reason: str, announced: float | None, now: float) -> None:
        seconds = self._limits.pushback.record_pushback(request, reason, announced, now)
        if not request.throttled_alone:
            self._limits.rate.slow_down(now)
        if seconds:
            self._limits.rate.wait(now, seconds, is_announced=announced is not None)

    def _shorten(self, wait: RequestedWait) -> float:
        """Return the seconds to wait: those requested, but at most `max_retry_after`."""
        if wait.seconds <= self._max_wait:
            return wait.seconds
        if wait.raw != self._shortened:
            self._shortened = wait.raw
            log.warning(
                "the CRM requested a pause of %.0f s (%r); shortened to %.0f s (max_retry_after_seconds)",
                wait.seconds,
                wait.raw,
                self._max_wait,
            )
        return self._max_wait
