"""Sending of one HTTP request, and classification of its response or failure."""

from __future__ import annotations

import logging
import time

from engagement_jobs.contract.errors import AmbiguousError, ReusedConnectionError, UnsentError
from engagement_jobs.crm_client.document.request_template import RequestTemplate
from engagement_jobs.crm_client.http_client import CrmClient, CrmResponse
from engagement_jobs.crm_client.response_classification import (
    Action,
    ResponseClassification,
    classify,
    classify_failure,
)
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.evidence.run_evidence import RunEvidence
from engagement_jobs.delivery.limits.request_limits import RequestLimits
from engagement_jobs.delivery.request_state import InFlightRequest

# Connections that the CRM closes without notice, after which none is used twice.
_MAX_CLOSED_CONNECTIONS = 3
_RESEND = ResponseClassification(Action.RESEND, "unknown", "reset")
_FINAL = (Action.FINALIZE, Action.REJECT)

log = logging.getLogger("engagement.delivery")


class RequestSender:
    """Sends requests, classifies responses, and reports both to the counters, the limits and the evidence."""

    def __init__(
        self,
        client: CrmClient,
        template: RequestTemplate,
        limits: RequestLimits,
        evidence: RunEvidence,
        counters: DeliveryCounters,
    ) -> None:
        self._client, self._declared = client, template.document.responses
        self._limits, self._evidence, self._counters = limits, evidence, counters
        self._closed_connections = 0

    async def send(self, request: InFlightRequest) -> tuple[ResponseClassification, CrmResponse | None]:
        """Send one request.

        :return: the classification, and the response if there is one
        """
        started = time.monotonic()
        self._count_request(request, started)
        response: CrmResponse | None = None
        try:
            response = await self._client.send(request.sent, fresh_connection=request.resent)
        except (UnsentError, AmbiguousError) as error:
            classification = self._classify_failure(request, error)
        else:
            classification = classify(response.status, response.headers, response.body, self._declared)
            self._count_response(request, response, classification, time.monotonic() - started)
        request.last = classification
        if classification.outcome == "unknown":
            request.ambiguous = classification
        self._evidence.record(request, classification)
        return classification, response

    def _classify_failure(
        self, request: InFlightRequest, error: UnsentError | AmbiguousError
    ) -> ResponseClassification:
        """Classify a request without a response. If its connection had been used before, it is sent again once."""
        if not isinstance(error, ReusedConnectionError) or request.resent:
            return classify_failure(error)
        request.resent = True
        self._closed_connections += 1
        if self._closed_connections == _MAX_CLOSED_CONNECTIONS:
            log.warning(
                "the CRM closed %d connections just when they were used again; from now on each request gets a new one",
                self._closed_connections,
            )
            self._client.stop_reusing_connections()
        return _RESEND

    def _count_request(self, request: InFlightRequest, now: float) -> None:
        epoch = time.time()
        self._counters.count_request(epoch, is_retry=request.tries > 0)
        if not request.tries:
            request.started_at = now
        request.sent_at = now
        request.tries += 1
        request.first_sent = request.first_sent or epoch
        request.status = None

    def _count_response(
        self, request: InFlightRequest, response: CrmResponse, classification: ResponseClassification, seconds: float
    ) -> None:
        request.status, request.latency_ms = response.status, seconds * 1000
        self._counters.count_response(response.status, request.latency_ms)
        if classification.action in _FINAL:
            self._limits.concurrency.record_latency(seconds)
