"""A record on its way: what was tried, what was answered, and the ledger line that it ends in."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from json.encoder import encode_basestring

from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.crm_client.score_update import ScoreUpdate, idempotency_key

_MILLISECONDS = [f".{number:03d}Z" for number in range(1000)]
_IN_DOUBT = ResponseClassification(Action.RETRY, "unknown", "earlier_attempt")


@dataclass(slots=True)
class InFlightRequest:
    """A record that has been opened.

    :param tries: requests that left
    :param attempts: of those, the ones that count against `max_attempts`
    :param waits: how often the server asked this record to come back later
    :param settled_before: records that were settled when it was first asked to
    :param first_sent: epoch seconds
    """

    record: ScoreUpdate
    payload: bytes
    key: str
    tries: int = 0
    attempts: int = 0
    first_sent: float = 0.0
    waits: int = 0
    settled_before: int = 0
    probe: bool = False
    milliseconds: float | None = None
    status: int | None = None
    last: ResponseClassification | None = None
    ambiguous: ResponseClassification | None = None

    @classmethod
    def of(cls, record: ScoreUpdate, endpoint: str, score_date: str) -> InFlightRequest:
        """Open a record."""
        payload = record.payload()
        return cls(record, payload, idempotency_key(endpoint, score_date, record, payload))

    def final_classification(self, classification: ResponseClassification) -> ResponseClassification:
        """The verdict on the record when `verdict` is that on its last request: a doubt outlasts a later sure no."""
        if classification.outcome != "deferred":
            return classification
        return self.ambiguous or (_IN_DOUBT if self.record.in_doubt else classification)

    def line(self, classification: ResponseClassification, run_id: str, settled: float) -> bytes:
        """The ledger line, with the members of `ledger.FIELDS` in their order.

        Put together by hand: a general encoder takes several times as long, once for every record.

        :param run_id: as JSON
        :param settled: epoch seconds
        """
        record = self.record
        status = "null" if self.status is None else self.status
        latency = "null" if self.milliseconds is None else f"{self.milliseconds:.1f}"
        return (
            f'{{"user_id": {encode_basestring(record.user_id)}, "score": {encode_basestring(record.score)}, '
            f'"key": "{self.key}", "payload_sha256": "{hashlib.sha256(self.payload).hexdigest()}", '
            f'"revision": {record.revision}, "outcome": "{classification.outcome}", '
            f'"reason": "{classification.reason}", '
            f'"http_status": {status}, "tries": {self.tries}, "latency_ms": {latency}, '
            f'"first_sent_at": "{iso(self.first_sent)}", "settled_at": "{iso(settled)}", "run_id": {run_id}}}'
        ).encode()


def iso(epoch: float) -> str:
    """Epoch seconds as `2026-11-23T03:00:00.125Z`."""
    seconds, milliseconds = divmod(int(epoch * 1000), 1000)
    return _second(seconds) + _MILLISECONDS[milliseconds]


@functools.lru_cache(maxsize=256)
def _second(epoch: int) -> str:
    # Thousands of records share a second.
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S")
