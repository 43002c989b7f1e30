"""One push task: a partition's rows through the delivery core, with its own ledger parts and aggregate."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pyspark import TaskContext
from pyspark.sql import Row

from engagement_jobs.common.aws import Store, read_secret
from engagement_jobs.contract.errors import TaskRestartedError
from engagement_jobs.crm_client.http_client import CrmHttpClient
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.canary import Canary
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.dispatcher import Dispatcher
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.policy import DeliveryPolicy
from engagement_jobs.delivery.stop_reasons import StopReason, secret_unreadable
from engagement_jobs.push.retry_after_store import write_not_before


@dataclass(frozen=True)
class TaskSetup:
    """What a task needs to know besides its rows; travels to the executors, so there is no token in it.

    :param rows: how many rows it will get, about
    """

    policy: DeliveryPolicy
    bucket: str
    folder: str
    job_run_id: str
    started_at: str
    secret_id: str
    request_timeout_seconds: float
    rows: int


@dataclass(frozen=True)
class TaskResult:
    """What a task tells the driver.

    :param unlogged_users: users whose requests were sent but whose ledger lines could not be written; at most the
        requests in flight and the unflushed lines of one task
    """

    counters: DeliveryCounters
    stop: StopReason | None
    unlogged_users: tuple[str, ...] = ()


def record(row: Row) -> ScoreUpdate:
    """A planned row as the delivery core takes it."""
    return ScoreUpdate(row["user_id"], row["score"], row["revision"], row["in_doubt"])


def no_rows(rows: Iterable[object]) -> None:
    """Do nothing: who can be asked to has imported this module, and all that it needs."""


def run_partition(setup: TaskSetup, index: int, rows: Iterable[Row]) -> Iterator[TaskResult]:
    """Deliver one partition on an executor."""
    context = TaskContext.get()
    if context is not None and context.attemptNumber() > 0:
        raise TaskRestartedError(
            f"push task {index} was started again by Spark: it would send what its first try delivered. "
            "spark.task.maxFailures must be 1; the job's next attempt resumes from the ledger."
        )
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    yield run_task(setup, str(index), map(record, rows))


def run_task(setup: TaskSetup, name: str, records: Iterable[ScoreUpdate], canary: Canary | None = None) -> TaskResult:
    """Deliver `records` and write the task's aggregate; never raises for anything that the CRM does."""
    store = Store(setup.bucket)
    delivery = asyncio.run(_deliver(setup, store, name, records, canary))
    document = delivery.counters.aggregate(setup.policy.run_id, setup.job_run_id, name, setup.started_at)
    store.write_json(f"{setup.folder}agg-{name}.json", document)
    return TaskResult(delivery.counters, delivery.stop, tuple(delivery.unlogged_users))


async def _deliver(
    setup: TaskSetup, store: Store, name: str, records: Iterable[ScoreUpdate], canary: Canary | None
) -> Dispatcher:
    async def secret() -> str:
        return await asyncio.to_thread(read_secret, setup.secret_id)

    ledger = Ledger(store.write, setup.folder, name)
    client = CrmHttpClient(setup.policy.endpoint, secret, setup.request_timeout_seconds)

    def note(until: float) -> None:
        write_not_before(store, setup.folder, name, until)

    stop: StopReason | None = None
    try:
        await client.read_token()
    except Exception as error:  # noqa: BLE001 - from the AWS client, or an invalid secret
        stop = secret_unreadable(error)
    dispatcher = Dispatcher(
        setup.policy,
        client,
        ledger,
        records,
        name=f"task {name}",
        canary=canary,
        expected_rows=setup.rows,
        save_retry_after=note,
        stop=stop,
    )
    async with client:
        await dispatcher.run()
    return dispatcher
