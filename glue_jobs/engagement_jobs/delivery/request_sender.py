"""Sending of one HTTP request, and classification of its response or failure."""

from __future__ import annotations

import time
from dataclasses import replace

from engagement_jobs.contract.errors import AmbiguousError, UnsentError
from engagement_jobs.crm_client.http_client import CrmClient, CrmResponse
from engagement_jobs.crm_client.response_classification import (
    Action,
    ResponseClassification,
    classify,
    classify_failure,
)
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.limits.request_limits import RequestLimits
from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.stop_conditions import StopConditions

# A refusal of one user ends the user's delivery, and any other refusal ends the run.
_OLD_ACTIONS = {Action.REJECT: Action.FINALIZE, Action.REFUSE: Action.STOP}


def _with_old_action(classification: ResponseClassification) -> ResponseClassification:
    return replace(classification, action=_OLD_ACTIONS.get(classification.action, classification.action))


class RequestSender:
    """Sends requests, classifies responses, and reports both to the counters, the limits and the stop conditions."""

    def __init__(
        self, client: CrmClient, limits: RequestLimits, stop_conditions: StopConditions, counters: DeliveryCounters
    ) -> None:
        self._client, self._limits, self._stop_conditions, self._counters = client, limits, stop_conditions, counters

    async def send(self, request: InFlightRequest) -> tuple[ResponseClassification, CrmResponse | None]:
        """Send one request.

        :return: the classification, and the response if there is one
        """
        self._count_request(request)
        started = time.monotonic()
        response: CrmResponse | None = None
        try:
            response = await self._client.post(request.payload, request.key)
        except (UnsentError, AmbiguousError) as error:
            classification = _with_old_action(classify_failure(error))
        else:
            classification = _with_old_action(classify(response.status, response.headers, response.body))
            self._count_response(request, response, classification, time.monotonic() - started)
        self._record_health(classification)
        request.last = classification
        if classification.outcome == "unknown":
            request.ambiguous = classification
        return classification, response

    def _count_request(self, request: InFlightRequest) -> None:
        epoch = time.time()
        self._counters.count_request(epoch, is_retry=request.tries > 0)
        request.tries += 1
        request.first_sent = request.first_sent or epoch
        request.status = None

    def _count_response(
        self, request: InFlightRequest, response: CrmResponse, classification: ResponseClassification, seconds: float
    ) -> None:
        request.status, request.latency_ms = response.status, seconds * 1000
        self._counters.count_response(response.status, request.latency_ms)
        if classification.action is Action.FINALIZE:
            self._limits.concurrency.record_latency(seconds)

    def _record_health(self, classification: ResponseClassification) -> None:
        now = time.monotonic()
        # 409 means that the CRM is processing an identical request.
        healthy = classification.action is Action.FINALIZE or classification.reason == "http_409"
        self._stop_conditions.record_result(now, healthy, classification.reason)
        if healthy or classification.action is Action.RETRY:
            self._limits.breaker.record_result(now, healthy)
        else:
            # Throttling and refused tokens say nothing about the CRM's health.
            self._limits.breaker.release_probe(now)
