"""The delivery core and a bare aiohttp client: `python -m benchmarks.push.clients NAME URL SCORES CONCURRENCY`.

Runs in the Glue environment and prints one JSON line.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks import client_process
from engagement_jobs.crm_client.document.crm_document import CrmDocument
from engagement_jobs.crm_client.document.request_template import CrmRequest, RequestTemplate, RunFields
from engagement_jobs.crm_client.http_client import CrmClient, CrmHttpClient, CrmResponse
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.delivery_settings import DeliverySettings
from engagement_jobs.delivery.dispatcher import Dispatcher
from engagement_jobs.delivery.ledger import Ledger

_DAY = "2026-11-23"


class InstantClient:
    """A transport without a network that responds at once, so that millions of requests take a minute.

    :param fail_every: every such request gets a 503 response and is retried
    """

    token_version = 0
    renewal = None

    def __init__(self, fail_every: int) -> None:
        self._fail_every = fail_every
        self._numbers = itertools.count(1)

    async def send(
        self,
        request: CrmRequest,  # noqa: ARG002 - a transport's signature
        *,
        fresh_connection: bool = False,  # noqa: ARG002
    ) -> CrmResponse:
        """Respond after yielding to other requests and the ledger."""
        await asyncio.sleep(0)
        if next(self._numbers) % self._fail_every:
            return CrmResponse(200, {}, b'{"status":"updated"}', self.token_version)
        return CrmResponse(503, {}, b"", self.token_version)

    async def refresh_token(self, *, read_secret: bool = True) -> bool:  # noqa: ARG002
        """Report that there is no newer token."""
        return False

    def stop_reusing_connections(self) -> None:
        """Do nothing: there are no connections."""


async def core(url: str, count: int, concurrency: int) -> int:
    """Deliver with the delivery core as a push task runs it, without a rate limit and with the ledger on disk."""
    client = CrmHttpClient(_template(url), _read_token, 30)
    await client.read_token()
    with tempfile.TemporaryDirectory() as folder:

        def put(key: str, body: bytes) -> None:
            (Path(folder) / key).write_bytes(body)

        async with client:
            dispatcher = await _deliver(url, count, concurrency, client, put)
    return dispatcher.counters.outcomes["delivered"]


async def instant(url: str, count: int, concurrency: int) -> int:
    """Deliver with the delivery core without network and disk, to measure its own memory."""
    written = 0

    def put(key: str, body: bytes) -> None:  # noqa: ARG001 - a ledger's callable
        nonlocal written
        written += len(body)

    dispatcher = await _deliver(url, count, concurrency, InstantClient(fail_every=100), put)
    if not written or not dispatcher.counters.retries:
        raise RuntimeError("expected a written ledger and some retries, got none")
    return dispatcher.counters.outcomes["delivered"]


async def bare_aiohttp(url: str, count: int, concurrency: int) -> int:
    """Deliver with aiohttp alone: one coroutine per request in flight; no hash, ledger or classification."""
    rows, delivered = (ScoreUpdate(user, score, 0) for user, score in client_process.scores(count)), 0
    template = _template(url)
    fixed = {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ['CRM_TOKEN']}"}

    async def post(session: aiohttp.ClientSession) -> None:
        nonlocal delivered
        for record in rows:
            headers = {"Idempotency-Key": record.user_id}
            async with session.post(url, data=template.render(record).payload, headers=headers) as response:
                await response.read()
                delivered += response.status == 200

    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector, headers=fixed) as session:
        await asyncio.gather(*(post(session) for _ in range(concurrency)))
    return delivered


async def _deliver(
    url: str, count: int, concurrency: int, client: CrmClient, put: Callable[[str, bytes], None]
) -> Dispatcher:
    settings = DeliverySettings(
        template=_template(url),
        run_id="benchmark",
        rate=1e9,
        burst=1e9,
        max_concurrency=concurrency,
        max_attempts=5,
        deadline=time.time() + 3600,
        unavailable_timeout=60,
    )
    updates = (ScoreUpdate(user, score, 0) for user, score in client_process.scores(count))
    dispatcher = Dispatcher(settings, client, Ledger(put, "", "0"), updates)
    await dispatcher.run()
    return dispatcher


def _template(url: str) -> RequestTemplate:
    base_url = url.removesuffix("/api/v1/update-score")
    return RequestTemplate.compile(CrmDocument.default(), base_url, RunFields(_DAY, f"{_DAY}T03:00:00Z", "1"))


async def _read_token() -> str:
    return os.environ["CRM_TOKEN"]


CLIENTS: dict[str, Callable[[str, int, int], Coroutine[Any, Any, int]]] = {
    "core": core,
    "aiohttp": bare_aiohttp,
    "instant": instant,
}

if __name__ == "__main__":
    name, where, how_many, at_once = sys.argv[1:]
    client_process.measure(lambda: asyncio.run(CLIENTS[name](where, int(how_many), int(at_once))))
