"""Handling of a classified response: an outcome, evidence about the run, a retry, a pause or a token refresh."""

from __future__ import annotations

import time

from engagement_jobs.crm_client.http_client import CrmResponse
from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.delivery.evidence.run_evidence import RunEvidence
from engagement_jobs.delivery.limits.request_limits import RequestLimits
from engagement_jobs.delivery.limits.server_pacing import ServerPacing
from engagement_jobs.delivery.outcome_recorder import OutcomeRecorder
from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.retries import Retries
from engagement_jobs.delivery.stop_conditions import StopConditions
from engagement_jobs.delivery.token_refresh import TokenRefresher

# A user whose token is refused more often, although the secret changes every time, is not sent again.
_MAX_TOKENS = 3


class ResponseHandler:
    """Carries out the action of each classification."""

    def __init__(
        self,
        retries: Retries,
        limits: RequestLimits,
        pacing: ServerPacing,
        outcomes: OutcomeRecorder,
        evidence: RunEvidence,
        stop_conditions: StopConditions,
        token: TokenRefresher,
    ) -> None:
        self._retries, self._limits, self._pacing = retries, limits, pacing
        self._outcomes, self._evidence = outcomes, evidence
        self._stop_conditions, self._token = stop_conditions, token

    async def handle(
        self, request: InFlightRequest, classification: ResponseClassification, response: CrmResponse | None
    ) -> None:
        """Carry out the action of a classification.

        :param response: None if there is none
        """
        has_long_pause = response is not None and self._pacing.observe(request, classification, response)
        action = classification.action
        if action is Action.FINALIZE:
            self._outcomes.record_outcome(request, classification)
        elif action is Action.REJECT:
            self._evidence.reject(request, classification)
        elif action is Action.RETRY:
            if not self._retries.retry(request):
                self._outcomes.record_outcome(request, classification)
        elif action is Action.BACK_OFF:
            self._back_off(request, classification)
        elif action is Action.RESEND:
            self._retries.resend(request)
        elif response is not None and action is Action.REFRESH_TOKEN and not classification.replayed:
            await self._refresh_token(request, classification, response.token_version)
        else:
            self._refuse(request, classification)
        if has_long_pause:
            await self._pacing.save_pause()

    async def _refresh_token(
        self, request: InFlightRequest, classification: ResponseClassification, refused_version: int
    ) -> None:
        """Send a user again if the secret has a newer token, and before several users stop the task, all of them."""
        request.token_refusals += 1
        refused_at = time.monotonic()
        if request.token_refusals <= _MAX_TOKENS and await self._token.refresh(refused_version, refused_at):
            self._retries.repeat_refused(request)
            return
        self._refuse(request, classification)
        users = self._evidence.refusals.suspected_tokens()
        if not users or any(user.token_refusals > _MAX_TOKENS for user in users):
            return
        if await self._token.refresh(refused_version, refused_at, before_stop=True):
            for user in self._evidence.refusals.take_tokens():
                self._retries.repeat_refused(user)

    def _refuse(self, request: InFlightRequest, classification: ResponseClassification) -> None:
        """End a user whom another request would not help. Several of them stop the task."""
        self._evidence.refuse(request, classification)
        self._stop_conditions.check_before_next_request()

    def _back_off(self, request: InFlightRequest, classification: ResponseClassification) -> None:
        self._stop_conditions.check_before_next_request()
        if self._limits.pushback.gives_up_user(time.monotonic()) or not self._retries.repeat_throttled(request):
            self._outcomes.record_outcome(request, classification)
