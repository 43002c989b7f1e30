"""Recording of outcomes: counters and ledger lines."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable

from engagement_jobs.crm_client.response_classification import ResponseClassification
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.limits.canary import Canary
from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.stop_reasons import LEDGER_UNWRITABLE


class OutcomeRecorder:
    """Counts exactly one outcome for every row, and adds one ledger line for every started user."""

    def __init__(self, ledger: Ledger, canary: Canary | None, run_id: str) -> None:
        self.counters = DeliveryCounters()
        self.unlogged_users: list[str] = []
        """Users whose ledger line could not be written."""
        self._ledger, self._canary = ledger, canary
        self._run_id = json.dumps(run_id, ensure_ascii=False)

    def record_outcome(self, request: InFlightRequest, classification: ResponseClassification) -> None:
        """Record the outcome of a user.

        :param classification: of the last request
        """
        final = request.final_classification(classification)
        if self._canary is not None:
            self._canary.end(request)
        self.counters.count_outcome(final.outcome, final.reason, request.status, final.detail)
        self._ledger.add(request.ledger_line(final, self._run_id, time.time()))

    def record_outcomes(self, requests: Iterable[InFlightRequest]) -> None:
        """Record the outcomes of users who get no other request, by their last response."""
        for request in requests:
            if request.last is not None:
                self.record_outcome(request, request.last)

    async def count_unstarted(self, updates: Iterable[ScoreUpdate], cause: str) -> None:
        """Count users who were never started. They get no ledger line: its absence makes them open.

        :param updates: iterated in a worker thread
        """
        by_doubt = await asyncio.to_thread(lambda: Counter(update.in_doubt for update in updates))
        for in_doubt, count in by_doubt.items():
            self.counters.count_outcome("unknown" if in_doubt else "deferred", cause, count=count)

    def recount_unwritten(self) -> None:
        """Count the users whose ledger line could not be written as `unknown`."""
        for line in self._ledger.unwritten:
            self.counters.change_to_unknown(line["outcome"], line["reason"], line["http_status"], LEDGER_UNWRITABLE)
            self.unlogged_users.append(line["user_id"])
