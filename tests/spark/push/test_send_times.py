"""One rate for the full job: send times of the canary and all tasks, measured in the clients, while the CRM fails."""

from __future__ import annotations

import asyncio
import itertools
import time
from bisect import bisect_left
from dataclasses import replace

import pytest

from engagement_jobs.crm_client.document.request_template import CrmRequest
from engagement_jobs.crm_client.http_client import CrmHttpClient, CrmResponse
from engagement_jobs.delivery.dispatcher import Dispatcher
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.limits.canary import SIZE, Canary
from engagement_jobs.push.dispatch import after_canary, divide_limits
from engagement_jobs.push.task import TaskSetup
from local.fake_crm.faults import Fault
from local.fake_crm.server import serving
from tests.support.crm_requests import default_template
from tests.support.delivery_harness import TOKEN, DeliveryHarness, delivery_harness, score_updates
from tests.support.glue_days import task_setup
from tests.support.glue_emulators import Bucket, Emulators

LIMIT = 400
ROWS = 1_111


class Recording(CrmHttpClient):
    """Records the send time of each request."""

    times: list[float]

    async def send(self, request: CrmRequest, *, fresh_connection: bool = False) -> CrmResponse:
        self.times.append(time.time())
        return await super().send(request, fresh_connection=fresh_connection)


async def deliver(setup: TaskSetup, first: int, count: int, times: list[float], canary: Canary | None = None) -> None:
    async def secret() -> str:
        return TOKEN

    client = Recording(setup.settings.template, secret, 1)
    client.times = times
    await client.read_token()
    async with client:
        updates = score_updates(first + count)[first:]
        await Dispatcher(setup.settings, client, Ledger(lambda *_: None, "", "0"), updates, canary=canary).run()


async def deliver_all(harness: DeliveryHarness, setup: TaskSetup, tasks: int) -> tuple[list[float], list[float]]:
    """Run the canary, and all tasks alongside its last users, as `dispatch.send` does, but without Spark.

    :return: send times of the canary and of the tasks
    """
    of_canary: list[float] = []
    of_tasks: list[float] = []
    canary = Canary()
    async with serving(harness.crm) as url:
        job = replace(setup, settings=replace(setup.settings, template=default_template(url)))
        first = asyncio.create_task(deliver(job, 0, SIZE, of_canary, canary))
        while not canary.decided.is_set():  # noqa: ASYNC110 (set for threads)
            await asyncio.sleep(0.01)
        each = (ROWS - SIZE) // tasks
        task = divide_limits(after_canary(job, tasks, canary), tasks)
        await asyncio.gather(first, *(deliver(task, SIZE + number * each, each, of_tasks) for number in range(tasks)))
    return of_canary, of_tasks


def highest_rate(times: list[float]) -> int:
    """Return the most requests in any second."""
    ordered = sorted(times)
    return max(bisect_left(ordered, start + 1) - place for place, start in enumerate(ordered))


@pytest.mark.parametrize("tasks", [1, 2, 4, 8])
@pytest.mark.parametrize("fault", [Fault(status=503, fraction=0.05), Fault(status=429, fraction=0.003)])
def test_no_second_exceeds_limit_plus_burst(emulators: Emulators, bucket: Bucket, tasks: int, fault: Fault) -> None:
    setup = task_setup(emulators, bucket, "attempt=x/", ROWS, max_requests_per_second=LIMIT, push_tasks=tasks)
    of_canary, of_tasks = asyncio.run(deliver_all(delivery_harness(fault, latency_ms=10), setup, tasks))

    assert len(of_canary + of_tasks) >= ROWS - tasks
    assert highest_rate(of_canary + of_tasks) <= LIMIT + max(tasks, LIMIT / 10)


def test_the_last_users_of_the_canary_share_the_rate(emulators: Emulators, bucket: Bucket) -> None:
    setup = task_setup(
        emulators, bucket, "attempt=x/", ROWS, max_requests_per_second=LIMIT, push_tasks=4, deadline_seconds=12
    )
    silent = tuple(f"U{number:06d}" for number in range(40, 80, 8))
    fault = Fault(silent=True, for_users=silent)
    of_canary, of_tasks = asyncio.run(deliver_all(delivery_harness(fault, latency_ms=10), setup, 4))

    alongside = [sent for sent in of_canary if min(of_tasks) <= sent <= max(of_tasks)]
    assert alongside
    assert highest_rate(alongside) <= 2
    assert highest_rate(of_canary + of_tasks) <= LIMIT + LIMIT / 10


def test_a_wait_of_the_canary_holds_for_the_tasks(emulators: Emulators, bucket: Bucket) -> None:
    """The canary passes without its last user, who got 429, and is released while it waits."""
    setup = task_setup(emulators, bucket, "attempt=x/", ROWS, max_requests_per_second=LIMIT, push_tasks=4)
    fault = Fault(status=429, retry_after=8, for_users=("U000110",), first=1)
    of_canary, of_tasks = asyncio.run(deliver_all(delivery_harness(fault, latency_ms=10), setup, 4))

    assert len(of_canary + of_tasks) >= ROWS - 4
    times = sorted(of_canary + of_tasks)
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) >= 7.9
