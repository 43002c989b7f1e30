"""One score on its way to the CRM: the bytes that are sent and the key that makes sending twice harmless."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from json.encoder import encode_basestring


@dataclass(frozen=True, slots=True)
class ScoreUpdate:
    """One row to send.

    :param user_id: as in the extract, neither trimmed nor case-folded
    :param score: text with two decimals, "0.00" to "100.00"
    :param revision: number of settled ledger entries of this user and date
    :param in_doubt: an earlier attempt may have been applied; the record stays `unknown` until it is settled
    """

    user_id: str
    score: str
    revision: int
    in_doubt: bool = False

    def payload(self) -> bytes:
        """The request body, UTF-8: `{"user_id": "...", "engagement_score": "73.25"}`."""
        return f'{{"user_id": {encode_basestring(self.user_id)}, "engagement_score": "{self.score}"}}'.encode()


def idempotency_key(endpoint: str, score_date: str, record: ScoreUpdate, payload: bytes) -> str:
    """The same for every try of a delivery, another for a deliberate second one (its revision is higher)."""
    head = f"{endpoint}\0{score_date}\0{record.user_id}\0{record.revision}\0".encode()
    return hashlib.sha256(head + payload).hexdigest()
