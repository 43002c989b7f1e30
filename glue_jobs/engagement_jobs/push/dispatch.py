"""Sending the rows of a plan: the canary from the driver, then all others from a fixed number of push tasks."""

from __future__ import annotations

import functools
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark import SparkContext
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.common.aws import Store
from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.delivery.canary import SIZE, Canary
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.policy import DeliveryPolicy
from engagement_jobs.delivery.stop_reasons import TASK_LOST, StopReason, canary_unanswered
from engagement_jobs.push.task import TaskResult, TaskSetup, no_rows, record, run_partition, run_task

# When a task is lost, Spark asks the others to end and kills their Python workers 2 to 4 s later.
# Until then they go on sending and writing, and what they write counts.
_WORKER_KILL_SECONDS = 6.0
_TASK = re.compile(r"agg-[0-9]+\.json")

log = logging.getLogger("engagement.dispatch")


@dataclass(frozen=True)
class DispatchResult:
    """What was sent.

    :param complete: whether `counters` has every row that was to be sent; if not, the ledger has more rows
    :param unlogged_users: users who were sent something that the ledger could not be told of
    """

    counters: DeliveryCounters
    stop: StopReason | None
    complete: bool
    unlogged_users: tuple[str, ...] = ()


def task_setup(arguments: PushArguments, folder: str, started: float, started_at: str, rows: int) -> TaskSetup:
    """The setup of the canary: the whole job's rate and rows. `share` makes that of one push task of it."""
    policy = DeliveryPolicy(
        endpoint=arguments.endpoint,
        score_date=arguments.score_date,
        run_id=arguments.run_id,
        rate=arguments.max_requests_per_second,
        burst=max(arguments.push_tasks, arguments.max_requests_per_second / 10),
        max_concurrency=arguments.max_concurrency,
        max_attempts=arguments.max_attempts,
        deadline=started + arguments.deadline_seconds,
        unavailable_timeout=arguments.unavailable_timeout_seconds,
    )
    return TaskSetup(
        policy,
        arguments.output_bucket,
        folder,
        arguments.job_run_id,
        started_at,
        arguments.secret_id,
        arguments.request_timeout_seconds,
        rows,
    )


def share(setup: TaskSetup, tasks: int) -> TaskSetup:
    """One task's part of the job's rate, burst and rows; together the tasks never exceed the job's."""
    policy = replace(setup.policy, rate=setup.policy.rate / tasks, burst=setup.policy.burst / tasks)
    return replace(setup, policy=policy, rows=round(setup.rows / tasks))


def check_feasible(rows: int, arguments: PushArguments, left: float, not_before: float | None) -> StopReason | None:
    """Refuse, before the first request, what cannot be done in time; what the CRM asked for stays asked for."""
    needed = rows / arguments.max_requests_per_second
    if needed <= left:
        return None
    return StopReason(
        "impossible",
        f"{rows:,} rows at {arguments.max_requests_per_second:g} requests/s take {needed:,.0f} s, but the deadline "
        f"leaves {left:,.0f} s. Send less (push_mode changed), raise max_requests_per_second, or raise "
        "deadline_seconds together with the Glue job's Timeout.",
        not_before,
    )


def wait_for_retry_after(not_before: float | None, left: float) -> StopReason | None:
    """Wait until the time that the CRM named to an earlier attempt; stop when that is beyond the deadline."""
    wait = (not_before or 0) - time.time()
    if wait > left:
        return StopReason("retry_after", "The CRM asked an earlier attempt for a pause that is not over.", not_before)
    if wait > 0:
        log.info("waiting %.0f s, as the CRM asked an earlier attempt", wait)
        time.sleep(wait)
    return None


def send(rows: DataFrame, setup: TaskSetup, tasks: int) -> DispatchResult:
    """Send all rows (`user_id, score, revision, in_doubt`), `setup.rows` of them.

    Exactly one action runs over the push tasks: a second one would send everything again.
    """
    canary = Canary()
    first = rows.orderBy("user_id").limit(SIZE).collect()
    left = setup.rows - len(first)
    with ThreadPoolExecutor(1) as beside:
        if left > 0:
            beside.submit(_prewarm_workers, rows.sparkSession.sparkContext, tasks)
        result = run_task(replace(setup, rows=len(first)), "canary", map(record, first), canary)
    counters = DeliveryCounters()
    counters.add(result.counters)
    refused = None if canary.passed or left <= 0 else canary_unanswered(len(first))
    if result.stop or refused or left <= 0:
        return DispatchResult(counters, result.stop or refused, left <= 0, result.unlogged_users)
    rest = rows.where(F.col("user_id") > first[-1]["user_id"])
    stop: StopReason | None = None
    try:
        results = _run_tasks(rest, share(replace(setup, rows=left), tasks), tasks)
    except Py4JJavaError as error:
        time.sleep(_WORKER_KILL_SECONDS)
        for document in finished_tasks(setup):
            counters.add(DeliveryCounters.from_aggregate(document))
        cause = str(error.java_exception).splitlines()[0][:300]
        return DispatchResult(counters, StopReason(TASK_LOST, f"Spark lost a push task: {cause}"), complete=False)
    for each in results:
        counters.add(each.counters)
        stop = _later(stop, each.stop)
    return DispatchResult(counters, stop, True, tuple(user for each in results for user in each.unlogged_users))


def finished_tasks(setup: TaskSetup) -> list[dict[str, Any]]:
    """Aggregates of the push tasks that came to their end."""
    store = Store(setup.bucket)
    names = (name for name, _ in store.list_files(setup.folder) if _TASK.fullmatch(name))
    return [document for name in names if (document := store.read_json(setup.folder + name))]


def _prewarm_workers(context: SparkContext, tasks: int) -> None:
    """Have Spark start as many Python workers, which import what a push task needs, while the canary is awaited."""
    try:
        context.parallelize(range(tasks), tasks).foreachPartition(no_rows)
    except Py4JJavaError:  # nothing depends on it, and what is wrong will be told by the push tasks
        log.warning("no workers got ready beforehand", exc_info=True)


def _run_tasks(rows: DataFrame, setup: TaskSetup, tasks: int) -> list[TaskResult]:
    return rows.repartition(tasks).rdd.mapPartitionsWithIndex(functools.partial(run_partition, setup)).collect()


def _later(first: StopReason | None, second: StopReason | None) -> StopReason | None:
    """The first stop's cause with the latest time before which the CRM wants no requests."""
    if first is None or second is None:
        return first or second
    times = [stop.not_before for stop in (first, second) if stop.not_before is not None]
    return replace(first, not_before=max(times) if times else None)
