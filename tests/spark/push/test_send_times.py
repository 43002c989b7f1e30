"""One rate for the full job: send times of the canary and all tasks, measured in the clients, while the CRM fails."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from dataclasses import replace

import pytest

from engagement_jobs.crm_client.http_client import CrmHttpClient, CrmResponse
from engagement_jobs.delivery.dispatcher import Dispatcher
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.limits.canary import SIZE, Canary
from engagement_jobs.push.dispatch import divide_limits
from engagement_jobs.push.task import TaskSetup
from local.fake_crm.faults import Fault
from local.fake_crm.server import serving
from tests.support.delivery_harness import TOKEN, DeliveryHarness, delivery_harness, score_updates
from tests.support.glue_days import task_setup
from tests.support.glue_emulators import Bucket, Emulators

LIMIT = 400
ROWS = 1_111


class Recording(CrmHttpClient):
    """Records the send time of each request."""

    times: list[float]

    async def post(self, payload: bytes, key: str, *, fresh_connection: bool = False) -> CrmResponse:
        self.times.append(time.time())
        return await super().post(payload, key, fresh_connection=fresh_connection)


async def deliver(setup: TaskSetup, first: int, count: int, times: list[float], canary: Canary | None = None) -> None:
    async def secret() -> str:
        return TOKEN

    client = Recording(setup.settings.endpoint, secret, 5)
    client.times = times
    await client.read_token()
    async with client:
        updates = score_updates(first + count)[first:]
        await Dispatcher(setup.settings, client, Ledger(lambda *_: None, "", "0"), updates, canary=canary).run()


async def deliver_all(harness: DeliveryHarness, setup: TaskSetup, tasks: int) -> list[float]:
    """Run the canary, then all tasks at once, as `dispatch.send` does, but without Spark between the two."""
    times: list[float] = []
    async with serving(harness.crm) as url:
        canary = replace(setup, settings=replace(setup.settings, endpoint=f"{url}/api/v1/update-score"))
        await deliver(canary, 0, SIZE, times, Canary())
        each = (ROWS - SIZE) // tasks
        task = divide_limits(canary, tasks)
        await asyncio.gather(*(deliver(task, SIZE + number * each, each, times) for number in range(tasks)))
    return sorted(times)


@pytest.mark.parametrize("tasks", [1, 2, 4, 8])
@pytest.mark.parametrize("fault", [Fault(status=503, fraction=0.05), Fault(status=429, fraction=0.01)])
def test_no_second_exceeds_limit_plus_burst(emulators: Emulators, bucket: Bucket, tasks: int, fault: Fault) -> None:
    setup = task_setup(emulators, bucket, "attempt=x/", ROWS, max_requests_per_second=LIMIT, push_tasks=tasks)
    times = asyncio.run(deliver_all(delivery_harness(fault, latency_ms=10), setup, tasks))

    assert len(times) >= ROWS - tasks
    highest = max(bisect_left(times, start + 1) - place for place, start in enumerate(times))
    assert highest <= LIMIT + max(tasks, LIMIT / 10)
