"""One user's score to send, and the idempotency key with which it can be sent twice safely."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScoreUpdate:
    """The score of one user.

    :param user_id: as in the extract, neither trimmed nor case-folded
    :param score: text with two decimals, "0.00" to "100.00"
    :param revision: number of earlier ledger entries of this user and date that are settled, deferred after an answer
        (see `outcomes.ANSWERED_NOT_APPLIED`), or unknown with another score
    :param in_doubt: the CRM may have applied the score in an earlier attempt; until it responds, the outcome stays
        `unknown`
    :param stored_key: idempotency key of the earlier attempt that is in doubt; it is used again, whatever the
        endpoint, unless the request has another shape
    :param earlier_refusal: reason, such as `http_404`, with which the CRM refused this user in an earlier attempt; only
        if the CRM at the same endpoint has accepted other users of the date
    :param failed_alone: the latest attempt left the user open because of an answer or a time-out of its own, while the
        CRM answered for others; sent last
    """

    user_id: str
    score: str
    revision: int
    in_doubt: bool = False
    stored_key: str | None = None
    earlier_refusal: str | None = None
    failed_alone: bool = False


def idempotency_key(endpoint: str, score_date: str, update: ScoreUpdate, payload: bytes) -> str:
    """Return the key of a delivery.

    It is the same for every retry. An intentional second delivery has a higher revision, so it has another key.

    :param endpoint: normalized URL of the CRM's endpoint
    :param score_date: date as `YYYY-MM-DD`
    :param payload: the request body of `update`, without the key
    """
    prefix = f"{endpoint}\0{score_date}\0{update.user_id}\0{update.revision}\0".encode()
    return hashlib.sha256(prefix + payload).hexdigest()
