"""One push task: deliver the rows of a partition, with a ledger and an aggregate of its own."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pyspark import TaskContext
from pyspark.sql import Row

from engagement_jobs.common import log_setup
from engagement_jobs.common.aws import Store, read_secret
from engagement_jobs.contract.errors import TaskRestartedError
from engagement_jobs.crm_client.http_client import CrmHttpClient
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.crm_client.transport.network import Network
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.delivery_settings import DeliverySettings
from engagement_jobs.delivery.dispatcher import Dispatcher
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.limits.canary import Canary
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.delivery.token_refresh import first_token
from engagement_jobs.push.attempts import Attempt
from engagement_jobs.push.retry_after_store import save_retry_after

_FIELDS = len(dataclasses.fields(ScoreUpdate))


@dataclass(frozen=True)
class TaskSetup:
    """What a task needs in addition to its rows. It is sent to the executors, so it never contains the token.

    :param network: proxy and certificates
    :param bucket: output bucket
    :param rows: approximate number of rows of the task
    :param ignore_retry_after: whether the run ignores the pauses that earlier runs stored
    :param had_success: whether the CRM accepted a score of the canary that preceded the task
    """

    settings: DeliverySettings
    network: Network
    bucket: str
    attempt: Attempt
    secret_id: str
    request_timeout_seconds: float
    rows: int
    ignore_retry_after: bool = False
    had_success: bool = False


@dataclass(frozen=True)
class TaskResult:
    """What a task returns to the driver.

    :param unlogged_users: users whose requests were sent but whose ledger lines could not be written; at most the
        requests in flight and the unflushed lines of one task
    """

    counters: DeliveryCounters
    stop_reason: StopReason | None
    unlogged_users: tuple[str, ...] = ()


def to_score_update(row: Row) -> ScoreUpdate:
    """Convert a row of the plan. Its first columns are the fields of the update; by position, this is fast."""
    return ScoreUpdate(*row[:_FIELDS])


def prewarm(rows: Iterable[object]) -> None:
    """Do nothing. To call this function, a Python worker imports everything that a push task needs."""


def run_partition(setup: TaskSetup, index: int, rows: Iterable[Row]) -> Iterator[TaskResult]:
    """Deliver one partition on an executor.

    :raises TaskRestartedError: Spark started the task again
    """
    context = TaskContext.get()
    if context is not None and context.attemptNumber() > 0:
        raise TaskRestartedError(
            f"push task {index} was started again by Spark: it would send what its first try delivered. Set "
            "spark.task.maxFailures to 1; the job's next attempt resumes from the ledger."
        )
    log_setup.log_to_stdout()
    yield run_task(setup, str(index), map(to_score_update, rows))


def run_task(setup: TaskSetup, name: str, updates: Iterable[ScoreUpdate], canary: Canary | None = None) -> TaskResult:
    """Deliver `updates` and write the task's aggregate. Never raises because of a response of the CRM.

    :param name: name of the task in the ledger, the aggregate and log lines
    :param canary: sends the first users in stages; only for the driver's task
    """
    store = Store(setup.bucket)
    dispatcher = asyncio.run(_deliver(setup, store, name, updates, canary))
    setup.attempt.write_aggregate(store, name, dispatcher.counters)
    return TaskResult(dispatcher.counters, dispatcher.stop_reason, tuple(dispatcher.unlogged_users))


async def _deliver(
    setup: TaskSetup, store: Store, name: str, updates: Iterable[ScoreUpdate], canary: Canary | None
) -> Dispatcher:
    async def secret() -> str:
        return await asyncio.to_thread(read_secret, setup.secret_id)

    def save(not_before: float) -> None:
        overriding_run = setup.attempt.run_id if setup.ignore_retry_after else None
        save_retry_after(store, setup.attempt.folder, name, not_before, overriding_run)

    client = CrmHttpClient(setup.settings.template, secret, setup.request_timeout_seconds, setup.network)
    ledger = Ledger(store.write, setup.attempt.folder, name)
    async with client:
        dispatcher = Dispatcher(
            setup.settings,
            client,
            ledger,
            updates,
            name=f"task {name}",
            canary=canary,
            had_success=setup.had_success,
            expected_rows=setup.rows,
            save_retry_after=save,
            # A stopped dispatcher sends nothing, but counts every row.
            stop_reason=await first_token(client, setup.settings),
        )
        await dispatcher.run()
    return dispatcher
