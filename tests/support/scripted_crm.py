"""A CRM without a network whose answers a test chooses by user."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence

from engagement_jobs.crm_client.document.request_template import CrmRequest
from engagement_jobs.crm_client.http_client import CrmResponse
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.dispatcher import Dispatcher
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.limits.canary import Canary
from tests.support.delivery_harness import delivery_settings


class ScriptedCrm:
    """Implements `CrmClient`.

    :param answer: returns the status for a user, or raises an error of a request
    :param success_seconds: latency of a success; other answers come at once
    """

    token_version = 0
    renewal = None

    def __init__(self, answer: Callable[[str], int], success_seconds: float = 0.0) -> None:
        self._answer, self._success_seconds = answer, success_seconds
        self.requests = Counter[str]()

    async def send(self, request: CrmRequest, *, fresh_connection: bool = False) -> CrmResponse:
        """Answer after other requests had their turn."""
        del fresh_connection
        user_id: str = json.loads(request.payload)["user_id"]
        self.requests[user_id] += 1
        status = self._answer(user_id)
        await asyncio.sleep(self._success_seconds if status < 300 else 0)
        return CrmResponse(status, {}, b"", self.token_version)

    async def refresh_token(self, *, read_secret: bool = True) -> bool:
        """Report that there is no newer token."""
        del read_secret
        return False

    def stop_reusing_connections(self) -> None:
        """Do nothing: there are no connections."""

    def deliver(
        self, updates: Sequence[ScoreUpdate], canary: Canary | None = None, **settings: float | int
    ) -> Dispatcher:
        """Deliver in one task.

        :param settings: fields of the settings
        """

        async def run() -> Dispatcher:
            ledger = Ledger(lambda *_: None, "", "0")
            dispatcher = Dispatcher(delivery_settings(**settings), self, ledger, updates, canary=canary)
            await dispatcher.run()
            return dispatcher

        return asyncio.run(run())
