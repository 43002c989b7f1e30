"""Job 2: a date's scores to the CRM, with a ledger of what happened to each row and a manifest of the whole.

The manifest is deleted before anything else is changed, and written last. Outcomes are counted from the ledger as it
was written, never from counters, and add up to the rows of the scores: whatever is missing from the ledger is open.
"""

from __future__ import annotations

import csv
import logging
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.common import spark_session
from engagement_jobs.common.aws import Store
from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.contract.csv_columns import FAILED_COLUMNS
from engagement_jobs.contract.errors import DeliveryFailedError, LedgerError, ScoresError, TooFewSlotsError
from engagement_jobs.contract.outcomes import OPEN
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.dispatcher import UNSENT
from engagement_jobs.delivery.stop_reasons import TASK_LOST
from engagement_jobs.push import plan
from engagement_jobs.push.attempts import REST, count_killed, of_run, uncounted
from engagement_jobs.push.delivery_history import Snapshot, attempt_folders, read_ledger
from engagement_jobs.push.dispatch import DispatchResult, check_feasible, send, task_setup, wait_for_retry_after
from engagement_jobs.push.manifest import delivery_manifest, utc
from engagement_jobs.push.retry_after_store import read_not_before
from engagement_jobs.push.scores_reader import read_manifest, read_scores

_FAILED = (*OPEN, "rejected")

log = logging.getLogger("engagement.push")


def run(arguments: PushArguments) -> dict[str, Any]:
    """Deliver one date; return the manifest.

    :raises ScoresError: the scores are missing, of another run, or not what their manifest says; nothing was sent
    :raises DeliveryFailedError: after ledger and manifest were written
    """
    started = time.time()
    store = Store(arguments.output_bucket)
    # First of all, for a run that is refused here must leave the date's delivery manifest to the run that wrote it.
    scores = read_manifest(store, arguments.score_date, arguments.run_id)
    manifest_key = _manifest_key(arguments)
    pause = _pause(store, store.read_json(manifest_key) or {}, arguments)
    store.delete(manifest_key)
    spark = spark_session.start("push_scores")
    _check_slots(spark, arguments)
    spark_session.set_shuffle_partitions(spark, scores["rows"]["scored"])
    snapshot = Snapshot(spark, store)
    if arguments.push_mode != "dry_run":
        count_killed(spark, store, of_run(store, arguments.score_date, arguments.run_id))
    decided = _decide(spark, store, snapshot, scores, arguments)
    plan_tally, to_send = _tally_plan(decided, scores)
    job = _Job(spark, store, arguments, _attempt_folder(arguments), started, utc(started))
    job.write_aggregate("plan", plan_tally)
    log.info("%d rows: %s, %d to send", scores["rows"]["scored"], dict(plan_tally.outcomes), to_send)

    if arguments.push_mode == "dry_run":
        outcomes = Counter(plan_tally.outcomes)
        sent = DispatchResult(DeliveryCounters(), None, complete=True)
    else:
        sent, outcomes = _deliver(job, decided, plan_tally, to_send, pause)
        if to_send:
            snapshot.write(arguments.job_run_id, job.folder)

    total = DeliveryCounters()
    total.add(plan_tally)
    total.add(sent.counters)
    _check_outcome_total(arguments, outcomes, scores["rows"]["scored"])
    attempts = [] if arguments.push_mode == "dry_run" else of_run(store, arguments.score_date, arguments.run_id)
    manifest = delivery_manifest(
        arguments,
        scores,
        outcomes=outcomes,
        counters=total,
        stop=sent.stop,
        attempts=[attempt.job_run_id for attempt in attempts] or [arguments.job_run_id],
    )
    store.write_json(manifest_key, manifest)
    log.info("wrote %s: %s", store.uri(manifest_key), {k: v for k, v in manifest["outcomes"].items() if v})
    _end(arguments, manifest)
    return manifest


@dataclass(frozen=True)
class _Job:
    """This attempt: what it works with, where it writes, when it began (epoch seconds, and as UTC)."""

    spark: SparkSession
    store: Store
    arguments: PushArguments
    folder: str
    started: float
    started_at: str

    def write_aggregate(self, task: str, counters: DeliveryCounters) -> None:
        document = counters.aggregate(self.arguments.run_id, self.arguments.job_run_id, task, self.started_at)
        self.store.write_json(f"{self.folder}agg-{task}.json", document)


def _deliver(
    job: _Job, decided: DataFrame, planned: DeliveryCounters, to_send: int, pause: float | None
) -> tuple[DispatchResult, Counter[str]]:
    """Send what is to be sent, write `failed.csv`; what was sent, and the outcomes by the ledger as written."""
    arguments = job.arguments
    left = job.started + arguments.deadline_seconds - time.time()
    stop = check_feasible(to_send, arguments, left, pause)
    if to_send and not stop:
        stop = wait_for_retry_after(pause, left)
    if stop or not to_send:
        sent = DispatchResult(DeliveryCounters(), stop, complete=False)
    else:
        setup = task_setup(arguments, job.folder, job.started, job.started_at, to_send)
        sent = send(decided.where(F.col("decision") == plan.SEND), setup, arguments.push_tasks)
    final = _finals(job, decided, sent)
    outcomes = Counter({row["outcome"]: row["count"] for row in final.groupBy("outcome").count().collect()})
    if not sent.complete and to_send:
        rest = _rest(outcomes, planned, sent, uncounted(job.spark, job.store, job.folder))
        job.write_aggregate(REST, rest)
        sent.counters.add(rest)
    failed = sum(outcomes[outcome] for outcome in _FAILED)
    _write_failed(job.store, final, failed, s3_keys.responses_prefix(arguments.score_date))
    return sent, outcomes


def _manifest_key(arguments: PushArguments) -> str:
    dry = arguments.push_mode == "dry_run"
    return (
        s3_keys.dry_run_prefix(arguments.run_id) if dry else s3_keys.responses_prefix(arguments.score_date)
    ) + s3_keys.MANIFEST


def _attempt_folder(arguments: PushArguments) -> str:
    if arguments.push_mode == "dry_run":
        return s3_keys.dry_run_prefix(arguments.run_id)
    return s3_keys.attempt_prefix(arguments.score_date, arguments.job_run_id)


def _check_slots(spark: SparkSession, arguments: PushArguments) -> None:
    slots = spark_session.task_slots(spark)
    if arguments.push_tasks > slots:
        raise TooFewSlotsError(
            f"push_tasks is {arguments.push_tasks}, but this cluster runs {slots} tasks at a time: the others would "
            "wait, and with them their share of the rate. Lower push_tasks or add workers."
        )


def _decide(
    spark: SparkSession, store: Store, snapshot: Snapshot, manifest: dict[str, Any], arguments: PushArguments
) -> DataFrame:
    scores = read_scores(spark, store, manifest)
    ledger = read_ledger(spark, store, attempt_folders(store, arguments.score_date))
    last_user = plan.last_user_within(scores, arguments.limit)
    decided = plan.with_decision(scores, ledger, snapshot.current(), arguments, last_user)
    # Kept: the ledger grows while rows are sent, and a plan made again would not be the plan that was sent.
    return decided.persist()


def _tally_plan(decided: DataFrame, manifest: dict[str, Any]) -> tuple[DeliveryCounters, int]:
    """Counts of the rows that need no request, and how many are to be sent."""
    counters, to_send = DeliveryCounters(), 0
    for decision, reason, status, count in decided.groupBy("decision", "reason", "http_status").count().collect():
        if decision == plan.SEND:
            to_send += count
        else:
            counters.count_outcome(decision, reason or decision, status, count=count)
    wanted = manifest["rows"]["scored"]
    if counters.rows + to_send != wanted:
        raise ScoresError(
            f"the scores of {manifest['score_date']} have {counters.rows + to_send:,} rows, their manifest says "
            f"{wanted:,}. Clear score_users."
        )
    return counters, to_send


def _finals(job: _Job, decided: DataFrame, sent: DispatchResult) -> DataFrame:
    lines = read_ledger(job.spark, job.store, [job.folder])
    reason = sent.stop.cause if sent.stop else UNSENT
    unlogged_users = None
    if sent.stop is not None and sent.stop.cause == TASK_LOST:
        # Nobody knows of any row without a line whether the lost task had sent it.
        unlogged_users = decided.join(lines, "user_id", "left_anti")
    elif sent.unlogged_users:
        unlogged_users = job.spark.createDataFrame([(user,) for user in sent.unlogged_users], "user_id string")
    return plan.with_outcome(decided, lines, reason, unlogged_users).persist()


def _rest(
    outcomes: Counter[str], planned: DeliveryCounters, sent: DispatchResult, lost: DeliveryCounters | None
) -> DeliveryCounters:
    """What no task's own counts have: requests of lost tasks, and the rows that no task was given."""
    rest = replace(lost or DeliveryCounters(), outcomes=Counter(), errors=Counter())
    for outcome, count in (outcomes - planned.outcomes - sent.counters.outcomes).items():
        rest.count_outcome(outcome, sent.stop.cause if sent.stop else UNSENT, count=count)
    return rest


def _write_failed(store: Store, final: DataFrame, count: int, folder: str) -> None:
    """Write `failed.csv`: every row that is open or was refused, and why; row by row, whatever their number."""
    rows = final.where(F.col("outcome").isin(*_FAILED)).orderBy("user_id").toLocalIterator() if count else ()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "failed.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            # Python's writer quotes a lone carriage return only when its own line ends have one.
            writer = csv.writer(_LineFeeds(file), lineterminator="\r\n")
            writer.writerow(FAILED_COLUMNS)
            writer.writerows(rows)
        store.upload(folder + "failed.csv", path)


class _LineFeeds:
    """Takes the lines of a `csv.writer` and ends them as the files of scores do."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> None:
        self._file.write(line.removesuffix("\r\n") + "\n")


def _check_outcome_total(arguments: PushArguments, outcomes: Counter[str], rows: int) -> None:
    if outcomes.total() != rows:
        raise LedgerError(
            f"outcomes add up to {outcomes.total():,}, the scores have {rows:,} rows: the ledger of "
            f"{arguments.job_run_id} holds a row twice or not at all. No manifest is written; clear push_scores."
        )


def _pause(store: Store, earlier: dict[str, Any], arguments: PushArguments) -> float | None:
    """Until when (epoch seconds) the CRM wants no requests, by what it told earlier attempts of the date."""
    told = earlier.get("not_before")
    times = [datetime.fromisoformat(told).timestamp() if told else None, read_not_before(store, arguments.score_date)]
    return max((time for time in times if time is not None), default=None)


def _end(arguments: PushArguments, manifest: dict[str, Any]) -> None:
    """Fail the Glue run when the delivery was stopped or left too much open."""
    outcomes, rows, stopped = manifest["outcomes"], manifest["rows"], manifest["stopped"]
    still_open = sum(outcomes[outcome] for outcome in OPEN)
    if not stopped and still_open <= arguments.max_failed_fraction * rows:
        return
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.items() if count)
    why = stopped["detail"] if stopped else f"More than {arguments.max_failed_fraction:.2%} of the rows are open."
    raise DeliveryFailedError(
        f"{why} {still_open:,} of {rows:,} rows are open ({counts}). Open rows and their reasons: "
        f"s3://{arguments.output_bucket}/{s3_keys.responses_prefix(arguments.score_date)}failed.csv. "
        "A retry or clear of push_scores sends only these."
    )
