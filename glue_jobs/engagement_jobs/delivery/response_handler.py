"""Handling of a classified response: an outcome, evidence about the run, a retry, a pause or a token refresh."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from engagement_jobs.crm_client.http_client import CrmResponse
from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.crm_client.waits import requested_wait
from engagement_jobs.delivery.evidence.run_evidence import RunEvidence
from engagement_jobs.delivery.limits.request_limits import RequestLimits
from engagement_jobs.delivery.outcome_recorder import OutcomeRecorder
from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.retries import Retries
from engagement_jobs.delivery.stop_conditions import StopConditions
from engagement_jobs.delivery.token_refresh import TokenRefresher

# A shorter pause is over before another attempt can start.
_MIN_SAVED_SECONDS = 5.0
# A user whose token is refused more often, although the secret changes every time, is not sent again.
_MAX_TOKENS = 3

log = logging.getLogger("engagement.delivery")


class ResponseHandler:
    """Carries out the action of each classification.

    :param save_retry_after: stores a long pause that the CRM requested, given its end in epoch seconds; blocking,
        called in a worker thread
    """

    def __init__(
        self,
        retries: Retries,
        limits: RequestLimits,
        outcomes: OutcomeRecorder,
        evidence: RunEvidence,
        stop_conditions: StopConditions,
        token: TokenRefresher,
        save_retry_after: Callable[[float], None] | None,
    ) -> None:
        self._retries, self._limits, self._outcomes, self._evidence = retries, limits, outcomes, evidence
        self._stop_conditions, self._token = stop_conditions, token
        self._save = save_retry_after
        self._saved_until = 0.0

    async def handle(
        self, request: InFlightRequest, classification: ResponseClassification, response: CrmResponse | None
    ) -> None:
        """Carry out the action of a classification.

        :param response: None if there is none
        """
        action = classification.action
        if action is Action.FINALIZE:
            self._retries.count_finalized()
            self._outcomes.record_outcome(request, classification)
        elif action is Action.REJECT:
            self._retries.count_finalized()
            self._evidence.reject(request, classification)
        elif action is Action.RETRY:
            if not self._retries.retry(request):
                self._outcomes.record_outcome(request, classification)
        elif action is Action.BACK_OFF and response is not None:
            await self._back_off(request, classification, response)
        elif response is not None and action is Action.REFRESH_TOKEN and await self._has_newer_token(request, response):
            self._retries.repeat_refused(request)
        else:
            self._refuse(request, classification)

    async def _has_newer_token(self, request: InFlightRequest, response: CrmResponse) -> bool:
        request.token_refusals += 1
        return request.token_refusals <= _MAX_TOKENS and await self._token.refresh(response.token_version)

    def _refuse(self, request: InFlightRequest, classification: ResponseClassification) -> None:
        """End a user whom another request would not help. Several of them stop the task."""
        self._outcomes.record_outcome(request, classification)
        reason = self._evidence.refuse(classification)
        if reason is not None:
            self._stop_conditions.trigger(reason)

    async def _back_off(
        self, request: InFlightRequest, classification: ResponseClassification, response: CrmResponse
    ) -> None:
        wait = requested_wait(response.status, response.headers)
        self._limits.rate.throttle(time.monotonic(), wait.seconds if wait is not None else None)
        self._stop_conditions.check_before_next_request()
        if not self._retries.repeat_throttled(request):
            self._outcomes.record_outcome(request, classification)
        await self._save_retry_after()

    async def _save_retry_after(self) -> None:
        """Store a long pause, once for all responses that request the same one."""
        until = self._limits.retry_after_end()
        is_short = until - time.time() < _MIN_SAVED_SECONDS
        if self._save is None or is_short or until - self._saved_until < 1.0:
            return
        self._saved_until = until
        try:
            await asyncio.to_thread(self._save, until)
        except Exception as error:  # noqa: BLE001 - from the AWS client; this task observes the pause anyway
            self._saved_until = 0.0
            log.warning("Could not store the CRM's Retry-After: %s", type(error).__name__)
