"""Send the rows of a plan: the canary from the driver, then all others from a fixed number of push tasks."""

from __future__ import annotations

import functools
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from py4j.protocol import Py4JJavaError
from pyspark import SparkContext
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.common.aws import Store
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.evidence.run_policy import CANARY_UNANSWERED, SEVERAL, stop
from engagement_jobs.delivery.limits.canary import MAX_USERS, SIZE, Canary, straggler_rate
from engagement_jobs.delivery.stop_reasons import TASK_LOST, StopReason
from engagement_jobs.push.attempts import CANARY
from engagement_jobs.push.send_plan import Plan
from engagement_jobs.push.task import TaskResult, TaskSetup, prewarm, run_partition, run_task, to_score_update

# After a task is lost, Spark cancels the others and kills their Python workers 2 to 4 s later.
# Until then they continue to send requests and to write to the ledger.
_WORKER_KILL_SECONDS = 6.0
_TASK_AGGREGATE = re.compile(r"agg-[0-9]+\.json")

log = logging.getLogger("engagement.dispatch")


@dataclass(frozen=True)
class DispatchResult:
    """What was sent.

    :param complete: whether `counters` includes every row to send; if not, `count_rest` adds the missing rows
    :param unlogged_users: users whose requests were sent but whose ledger lines could not be written
    """

    counters: DeliveryCounters
    stop_reason: StopReason | None
    complete: bool
    unlogged_users: tuple[str, ...] = ()


def divide_limits(setup: TaskSetup, tasks: int) -> TaskSetup:
    """Return the setup of one of `tasks` tasks: together they never exceed the rate and burst of `setup`."""
    rate, burst = setup.settings.rate / tasks, setup.settings.burst / tasks
    settings = replace(setup.settings, rate=rate, burst=burst, tasks=tasks)
    return replace(setup, settings=settings, rows=round(setup.rows / tasks))


def check_feasible(rows: int, rate: float, seconds_left: float, not_before: float | None) -> StopReason | None:
    """Return a stop reason if the rows cannot be sent before the deadline.

    :param rate: requests per second of the full job
    :param not_before: epoch seconds before which the CRM accepts no requests; the stop reason keeps it
    """
    needed = rows / rate
    if needed <= seconds_left:
        return None
    return StopReason(
        "impossible",
        f"{rows:,} rows at {rate:g} requests/s take {needed:,.0f} s, but the deadline leaves {seconds_left:,.0f} s. "
        "Send fewer rows (push_mode=changed), raise max_requests_per_second, or raise deadline_seconds together with "
        "the Glue job's Timeout.",
        not_before,
    )


def wait_for_retry_after(not_before: float | None, seconds_left: float) -> StopReason | None:
    """Wait until the end of an earlier attempt's Retry-After; return a stop reason if that is after the deadline.

    :param not_before: epoch seconds, None if there was no Retry-After
    """
    if not_before is None:
        return None
    wait = not_before - time.time()
    if wait > seconds_left:
        return StopReason(
            "retry_after",
            "The CRM sent Retry-After to an earlier attempt, and it ends after this job's deadline.",
            not_before,
        )
    if wait > 0:
        log.info("waiting %.0f s for the Retry-After of an earlier attempt", wait)
        time.sleep(wait)
    return None


def send(plan: Plan, setup: TaskSetup, tasks: int) -> DispatchResult:
    """Send the rows of a plan: first the canary, in a thread, then all others from push tasks.

    The last users of the canary may still be sent when the push tasks start. Users who failed alone are never in it.
    Exactly one Spark action runs over the push tasks: a second one would send everything again.

    :param setup: of the canary; `setup.rows` is the number of rows to send
    """
    rows, position = plan.rows_to_send, _position(setup)
    first = _first_rows(plan, position)
    if not first:
        return _send_rest(rows, divide_limits(setup, tasks), plan)
    canary, rest = Canary(users=min(SIZE, len(first))), None
    with ThreadPoolExecutor(2) as pool:
        sent = pool.submit(run_task, replace(setup, rows=len(first)), CANARY, map(to_score_update, first), canary)
        sent.add_done_callback(lambda _: canary.decided.set())
        if setup.rows > SIZE:
            pool.submit(_prewarm_workers, rows.sparkSession.sparkContext, tasks).result()
        canary.decided.wait()
        if canary.released and canary.started < setup.rows:
            left = rows.where(F.col("failed_alone") | _is_after(first[canary.started - 1], position))
            rest = _send_rest(left, divide_limits(after_canary(setup, tasks, canary), tasks), plan)
        result = sent.result()
    if rest is not None:
        return _add(result, rest)
    stop_reason = result.stop_reason
    if stop_reason is None and not canary.released and setup.rows > len(first):
        stop_reason = stop(CANARY_UNANSWERED, users=canary.started)
    return DispatchResult(result.counters, stop_reason, setup.rows <= len(first), result.unlogged_users)


def after_canary(setup: TaskSetup, tasks: int, canary: Canary) -> TaskSetup:
    """Return the setup of all push tasks together, after the canary has been released.

    While the last users of the canary are sent, they have a small part of the job's rate and one request of its burst.
    """
    rate, burst = setup.settings.rate, setup.settings.burst
    if canary.stragglers:
        rate, burst = rate - straggler_rate(rate), max(tasks, burst - 1)
    settings = replace(setup.settings, rate=rate, burst=burst, not_before=canary.not_before)
    return replace(setup, settings=settings, rows=setup.rows - canary.started, had_success=canary.had_success)


def _position(setup: TaskSetup) -> Column:
    """Return the order in which the canary takes users.

    Each attempt takes others. Otherwise a few users whom the CRM refuses could come first in every attempt and stop it.
    """
    return F.xxhash64(F.lit(setup.attempt.job_run_id), "user_id")


def _first_rows(plan: Plan, position: Column) -> list[Row]:
    """Return the rows of the canary; none if too few users other than those who failed alone could be evidence."""
    if plan.failed_alone and plan.to_send - plan.failed_alone < SEVERAL:
        return []
    rows = plan.rows_to_send.where(~F.col("failed_alone")).withColumns(
        {"position": position, "tie": F.xxhash64("user_id")}
    )
    return rows.orderBy("position", "tie").limit(MAX_USERS).collect()


def _is_after(last: Row, position: Column) -> Column:
    """Return whether a row comes after the last one of the canary."""
    # Hashes instead of the user id, because Spark quotes a query in its errors.
    is_tied_after = (position == last["position"]) & (F.xxhash64("user_id") > last["tie"])
    is_after: Column = (position > last["position"]) | is_tied_after
    return is_after


def _send_rest(rows: DataFrame, setup: TaskSetup, plan: Plan) -> DispatchResult:
    """Send the rows that are not the canary's.

    :param setup: of each push task
    """
    try:
        results = _run_tasks(rows, setup, failed_alone_last=plan.failed_alone > 0)
    except Py4JJavaError as error:
        time.sleep(_WORKER_KILL_SECONDS)
        counters = DeliveryCounters()
        for finished in read_finished_tasks(Store(setup.bucket), setup.attempt.folder):
            counters.add(finished)
        cause = str(error.java_exception).splitlines()[0][:300]
        return DispatchResult(counters, StopReason(TASK_LOST, f"Spark lost a push task: {cause}"), complete=False)
    total = DispatchResult(DeliveryCounters(), None, complete=True)
    for result in results:
        total = _add(result, total)
    return total


def _add(result: TaskResult, others: DispatchResult) -> DispatchResult:
    """Return the result of one task together with that of others."""
    others.counters.add(result.counters)
    return replace(
        others,
        stop_reason=_merge(others.stop_reason, result.stop_reason),
        unlogged_users=(*others.unlogged_users, *result.unlogged_users),
    )


def read_finished_tasks(store: Store, folder: str) -> list[DeliveryCounters]:
    """Read the aggregates of the push tasks that finished.

    :param folder: S3 folder of the attempt
    """
    names = [name for name, _ in store.list_files(folder) if _TASK_AGGREGATE.fullmatch(name)]
    documents = (store.read_json(folder + name) for name in names)
    return [DeliveryCounters.from_aggregate(document) for document in documents if document]


def _prewarm_workers(context: SparkContext, tasks: int) -> None:
    """Start Python workers and import what a push task needs, while the canary runs."""
    try:
        context.parallelize(range(tasks), tasks).foreachPartition(prewarm)
    except Py4JJavaError:  # nothing depends on it, and the push tasks will report the same error
        log.warning("Could not start Python workers in advance", exc_info=True)


def _run_tasks(rows: DataFrame, setup: TaskSetup, *, failed_alone_last: bool) -> list[TaskResult]:
    parts = rows.repartition(setup.settings.tasks)
    if failed_alone_last:
        parts = parts.sortWithinPartitions("failed_alone")
    return parts.rdd.mapPartitionsWithIndex(functools.partial(run_partition, setup)).collect()


def _merge(first: StopReason | None, second: StopReason | None) -> StopReason | None:
    """Return the first stop reason with the later `not_before` of both."""
    if first is None or second is None:
        return first or second
    times = [stop_reason.not_before for stop_reason in (first, second) if stop_reason.not_before is not None]
    return replace(first, not_before=max(times, default=None))
