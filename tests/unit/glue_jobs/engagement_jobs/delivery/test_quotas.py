"""Announced quotas, shared by several tasks, counted at the CRM."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from engagement_jobs.crm_client.http_client import CrmHttpClient
from engagement_jobs.delivery.dispatcher import Dispatcher
from engagement_jobs.delivery.ledger import Ledger
from local.fake_crm.faults import Fault
from local.fake_crm.server import serving
from tests.support.crm_requests import default_template
from tests.support.delivery_harness import DeliveryHarness, delivery_harness, delivery_settings, score_updates

QUOTA, WINDOW_SECONDS = 150, 3.0


async def deliver_in_tasks(harness: DeliveryHarness, tasks: int, users: int) -> list[Dispatcher]:
    """Deliver `users` users in each of several tasks at the same time."""
    updates = score_updates(tasks * users)
    async with serving(harness.crm) as url:
        settings = delivery_settings(template=default_template(url), rate=1000 / tasks, burst=10, tasks=tasks)

        async def deliver(task: int) -> Dispatcher:
            client = CrmHttpClient(settings.template, harness.read_secret, 5.0)
            await client.read_token()
            ledger = Ledger(harness.objects.__setitem__, "attempt=a/", str(task))
            async with client:
                dispatcher = Dispatcher(settings, client, ledger, updates[task::tasks])
                await dispatcher.run()
            return dispatcher

        return await asyncio.gather(*map(deliver, range(tasks)))


@pytest.mark.parametrize(("tasks", "style"), [(1, "draft"), (2, "fields"), (4, "x"), (4, "x-epoch")])
def test_tasks_share_an_announced_quota(tasks: int, style: str) -> None:
    harness = delivery_harness(Fault(quota=QUOTA, quota_seconds=WINDOW_SECONDS, quota_headers=style), latency_ms=10)
    started = time.monotonic()
    dispatchers = asyncio.run(deliver_in_tasks(harness, tasks, 3 * QUOTA // tasks))

    users = 3 * QUOTA // tasks * tasks
    assert sum(dispatcher.counters.outcomes["delivered"] for dispatcher in dispatchers) == users
    assert {*itertools.chain(*(each.counters.status_codes for each in dispatchers))} == {"200"}
    # A quota that is not paced is used up at once: the rest waits for the next window.
    assert harness.crm.stats()["peak_in_one_second"] < QUOTA
    assert time.monotonic() - started < 3 * 3 * WINDOW_SECONDS
