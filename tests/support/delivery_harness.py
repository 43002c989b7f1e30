"""The delivery core against a fake CRM, in this process and over real HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from engagement_jobs.crm_client.document.crm_document import CrmDocument
from engagement_jobs.crm_client.document.request_template import RequestTemplate
from engagement_jobs.crm_client.http_client import CrmHttpClient
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.crm_client.transport.network import Network
from engagement_jobs.delivery.delivery_settings import DeliverySettings
from engagement_jobs.delivery.dispatcher import Dispatcher
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.limits.canary import Canary
from engagement_jobs.delivery.token_refresh import first_token
from local.fake_crm.faults import NO_FAULT, Fault
from local.fake_crm.server import serving
from local.fake_crm.service import FakeCrm, Options
from tests.support.crm_requests import RUN_FIELDS, default_template

TOKEN = "token-of-this-test"


@dataclass
class DeliveryHarness:
    """A fake CRM, and what the delivery reads and writes besides HTTP.

    :param objects: S3 objects that the ledger wrote, by key
    :param secrets: text of the secret at each read; the last one also at all further reads. `{crm}` is the CRM's URL
    """

    crm: FakeCrm
    objects: dict[str, bytes] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=lambda: [TOKEN])
    secret_reads: int = 0
    ledger_timeout: float = 60.0
    url: str = ""

    @property
    def requests(self) -> int:
        """Number of requests that the CRM received."""
        total: int = self.crm.stats()["requests"]
        return total

    def lines(self) -> list[dict[str, Any]]:
        """Return all ledger lines."""
        parts = (body for key, body in sorted(self.objects.items()))
        return [json.loads(line) for body in parts for line in body.splitlines()]

    async def read_secret(self) -> str:
        """Return the text of the secret."""
        self.secret_reads += 1
        return self.secrets[min(self.secret_reads, len(self.secrets)) - 1].replace("{crm}", self.url)

    def deliver(self, updates: Iterable[ScoreUpdate], canary: Canary | None = None, **settings: Any) -> Dispatcher:
        """Deliver in one task.

        :param settings: fields of the settings, a `document`, `request_timeout_seconds`, or `had_success` of the
            dispatcher
        """
        return asyncio.run(self._deliver(updates, canary, settings))

    async def _deliver(
        self, updates: Iterable[ScoreUpdate], canary: Canary | None, changes: dict[str, Any]
    ) -> Dispatcher:
        async with serving(self.crm) as url:
            self.url = url
            timeout = changes.pop("request_timeout_seconds", 5.0)
            had_success = changes.pop("had_success", False)
            template = RequestTemplate.compile(changes.pop("document", CrmDocument.default()), url, RUN_FIELDS)
            settings = delivery_settings(**{"template": template, **changes})
            ledger = Ledger(self.objects.__setitem__, "attempt=a/", "0", self.ledger_timeout)
            async with CrmHttpClient(settings.template, self.read_secret, timeout, Network(allow_http=True)) as client:
                dispatcher = Dispatcher(
                    settings,
                    client,
                    ledger,
                    updates,
                    canary=canary,
                    had_success=had_success,
                    stop_reason=await first_token(client, settings),
                )
                await dispatcher.run()
            return dispatcher


def delivery_settings(**changes: Any) -> DeliverySettings:
    """Return settings without a noticeable rate limit, with these changes."""
    default = DeliverySettings(
        template=default_template("http://crm.invalid"),
        run_id="scheduled__2026-11-23T03:00:00+00:00",
        rate=1_000_000,
        burst=100_000,
        max_concurrency=32,
        max_attempts=5,
        deadline=time.time() + 60,
        unavailable_timeout=20,
    )
    return replace(default, **changes)


def score_updates(count: int) -> list[ScoreUpdate]:
    """Return updates of the users U000000, U000001 and so on."""
    return [ScoreUpdate(f"U{number:06d}", f"{number % 100}.50", 0) for number in range(count)]


def delivery_harness(fault: Fault = NO_FAULT, **options: Any) -> DeliveryHarness:
    """Return a harness whose CRM has this fault.

    :param options: of the fake CRM
    """
    return DeliveryHarness(FakeCrm(Options(token=TOKEN, fault=fault, **options)))
