"""State of one user's request from its start to the ledger line."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from json.encoder import encode_basestring

from engagement_jobs.crm_client.document.request_template import CrmRequest, RequestTemplate
from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.crm_client.score_update import ScoreUpdate

_MILLISECONDS = [f".{number:03d}Z" for number in range(1000)]
_IN_DOUBT = ResponseClassification(Action.RETRY, "unknown", "earlier_attempt")
_OF_APPLICATION = ("http_400", "http_422")


@dataclass(slots=True)
class InFlightRequest:
    """A user who was started and has no outcome yet, whether the request is on its way or waits to be sent again.

    :param sent: what is sent, the same each time
    :param tries: requests sent
    :param attempts: requests that count against `max_attempts`; probes, throttled requests and refused tokens do not
    :param is_retry: sending it again counts against the retry budget, see `delivery.retries`
    :param throttled: how often the CRM throttled this user
    :param throttled_alone: the CRM throttled this user again while it answered others, see `limits.pushback`
    :param answers_before: other responses of the task when the CRM last throttled this user
    :param pushbacks_before: pushback of the task when the CRM last throttled this user
    :param resent: the request went out again because a connection that had been used before was closed
    :param number: place of the last request in the order of all requests of the task
    :param first_sent: epoch seconds
    :param started_at: when the first request was sent, in seconds of the event loop's clock
    :param sent_at: when the last request was sent, in seconds of the event loop's clock
    :param failure_streak: the last failures in a row to which this user belongs, see `evidence.failures`
    :param token_refusals: how often the CRM refused this user's token
    :param probe: the last request was a probe of the circuit breaker
    :param latency_ms: of the last response
    :param status: HTTP status of the last request; None if it got no response
    :param last: classification of the last request
    :param ambiguous: classification of the last request whose outcome is unknown
    """

    update: ScoreUpdate
    sent: CrmRequest
    tries: int = 0
    attempts: int = 0
    first_sent: float = 0.0
    throttled: int = 0
    throttled_alone: bool = False
    answers_before: int = 0
    pushbacks_before: int = 0
    resent: bool = False
    number: int = 0
    is_retry: bool = False
    probe: bool = False
    started_at: float = 0.0
    sent_at: float = 0.0
    failure_streak: int = 0
    token_refusals: int = 0
    latency_ms: float | None = None
    status: int | None = None
    last: ResponseClassification | None = None
    ambiguous: ResponseClassification | None = None

    @classmethod
    def of(cls, update: ScoreUpdate, template: RequestTemplate) -> InFlightRequest:
        """Create the request of a user."""
        return cls(update, template.render(update))

    def final_classification(self, classification: ResponseClassification) -> ResponseClassification:
        """Return the classification of the user if the last request has this one.

        A later "not applied" does not settle an earlier request that may have been applied: the user stays `unknown`.
        Nor does a final refusal that a load balancer may have sent, such as 404. A refusal that the CRM replays for the
        key does, because it is the answer to the earlier request.
        """
        is_refusal = classification.action is Action.REJECT
        if classification.outcome == "deferred":
            is_settled = is_refusal and classification.replayed
        else:
            is_settled = not is_refusal or _settles_earlier_requests(classification)
        if is_settled:
            return classification
        return self.ambiguous or (_IN_DOUBT if self.update.in_doubt else classification)

    def ledger_line(self, classification: ResponseClassification, run_id: str, settled: float) -> bytes:
        """Return the ledger line, with the members of `ledger.FIELDS` in their order.

        It is formatted here because a general encoder takes several times as long, once per user.

        :param run_id: encoded as JSON
        :param settled: epoch seconds
        """
        update = self.update
        status = "null" if self.status is None else self.status
        latency = "null" if self.latency_ms is None else f"{self.latency_ms:.1f}"
        return (
            f'{{"user_id": {encode_basestring(update.user_id)}, "score": {encode_basestring(update.score)}, '
            f'"key": "{self.sent.key}", "payload_sha256": "{hashlib.sha256(self.sent.payload).hexdigest()}", '
            f'"revision": {update.revision}, "outcome": "{classification.outcome}", '
            f'"reason": "{classification.reason}", '
            f'"http_status": {status}, "tries": {self.tries}, "latency_ms": {latency}, '
            f'"first_sent_at": "{iso(self.first_sent)}", "settled_at": "{iso(settled)}", "run_id": {run_id}}}'
        ).encode()


def _settles_earlier_requests(refusal: ResponseClassification) -> bool:
    """Return whether a final refusal is the CRM's answer to the earlier requests too.

    It is if the CRM replays it for the key, or if the application itself has refused the score.
    """
    return refusal.replayed or refusal.reason in _OF_APPLICATION or refusal.reason.endswith("_failure")


def iso(epoch: float) -> str:
    """Format epoch seconds as `2026-11-23T03:00:00.125Z`."""
    seconds, milliseconds = divmod(int(epoch * 1000), 1000)
    return _format_second(seconds) + _MILLISECONDS[milliseconds]


@functools.lru_cache(maxsize=256)
def _format_second(epoch: int) -> str:
    # Thousands of lines have the same second.
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S")
