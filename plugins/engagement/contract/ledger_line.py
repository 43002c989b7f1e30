"""A line of the push job's ledger, without the members that only the push job reads."""

from __future__ import annotations

from pydantic import AwareDatetime

from engagement.contract.outcomes import Outcome
from engagement.contract.strict_model import Count, StrictModel


class LedgerLine(StrictModel, extra="ignore"):
    """What the ledger says about the requests of one user. The user id is among the members that are not kept.

    :param reason: code, such as ``http_503``
    :param http_status: status of the last response, None without one
    :param tries: number of requests
    :param latency_ms: of the last response in milliseconds, None without one
    """

    outcome: Outcome
    reason: str
    http_status: Count | None
    tries: Count
    latency_ms: float | None
    first_sent_at: AwareDatetime
