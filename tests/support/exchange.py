"""A CRM that really answers, and the delivery core against it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from engagement_jobs.crm_client.http_client import CrmHttpClient
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.canary import Canary
from engagement_jobs.delivery.dispatcher import DeliveryPolicy, Dispatcher
from engagement_jobs.delivery.ledger import Ledger
from local.fake_crm.faults import NO_FAULT, Fault
from local.fake_crm.server import serving
from local.fake_crm.service import FakeCrm, Options

TOKEN = "token-of-this-test"


@dataclass
class Exchange:
    """What both sides know after a delivery: `objects` is what the ledger wrote."""

    crm: FakeCrm
    objects: dict[str, bytes] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=lambda: [TOKEN])
    secret_reads: int = 0
    ledger_gives_up: float = 60.0

    def lines(self) -> list[dict[str, Any]]:
        parts = (body for key, body in sorted(self.objects.items()))
        return [json.loads(line) for body in parts for line in body.splitlines()]

    async def read_secret(self) -> str:
        self.secret_reads += 1
        return self.secrets[min(self.secret_reads, len(self.secrets)) - 1]

    def deliver(self, rows: Iterable[ScoreUpdate], canary: Canary | None = None, **policy: Any) -> Dispatcher:
        return asyncio.run(self._deliver(rows, canary, policy))

    async def _deliver(self, rows: Iterable[ScoreUpdate], canary: Canary | None, changes: dict[str, Any]) -> Dispatcher:
        async with serving(self.crm) as url:
            standard = DeliveryPolicy(
                endpoint=f"{url}/api/v1/update-score",
                score_date="2026-11-23",
                run_id="scheduled__2026-11-23T03:00:00+00:00",
                rate=1_000_000,
                burst=100_000,
                max_concurrency=32,
                max_attempts=5,
                deadline=time.time() + 60,
                unavailable_timeout=20,
            )
            timeout = changes.pop("request_timeout_seconds", 5.0)
            policy = replace(standard, **changes)
            ledger = Ledger(self.objects.__setitem__, "attempt=a/", "0", self.ledger_gives_up)
            client = CrmHttpClient(policy.endpoint, self.read_secret, timeout)
            await client.read_token()
            async with client:
                delivery = Dispatcher(policy, client, ledger, canary=canary)
                await delivery.run(rows)
            return delivery


def records(count: int) -> list[ScoreUpdate]:
    return [ScoreUpdate(f"U{number:06d}", f"{number % 100}.50", 0) for number in range(count)]


def exchange(fault: Fault = NO_FAULT, **options: Any) -> Exchange:
    return Exchange(FakeCrm(Options(token=TOKEN, fault=fault, **options)))
