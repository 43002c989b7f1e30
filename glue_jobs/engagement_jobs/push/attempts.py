"""The attempts of a run, and what a killed one left uncounted.

A task writes its aggregate at its end. An attempt that was killed has ledger parts without one; whoever comes next
counts them from the ledger, so that requests and answers of every attempt are told.
"""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.common.aws import Store
from engagement_jobs.delivery.counters import LATENCY_GROWTH, DeliveryCounters
from engagement_jobs.push.delivery_history import attempt_folders, read_ledger

REST = "rest"
_PART = re.compile(r"part-([a-z0-9]+)-[0-9]+\.jsonl")
_AGGREGATE = re.compile(r"agg-([a-z0-9]+)\.json")

log = logging.getLogger("engagement.attempts")


@dataclass(frozen=True)
class Attempt:
    """One attempt of a run, as its first aggregate tells it."""

    folder: str
    run_id: str
    job_run_id: str
    started_at: str


def of_run(store: Store, score_date: str, run_id: str) -> list[Attempt]:
    """All attempts of a run and date, oldest first."""
    found = []
    for folder in attempt_folders(store, score_date):
        document = store.read_json(f"{folder}agg-plan.json")
        if document and document["run_id"] == run_id:
            found.append(Attempt(folder, run_id, document["job_run_id"], document["started_at"]))
    return sorted(found, key=lambda attempt: (attempt.started_at, attempt.job_run_id))


def count_killed(spark: SparkSession, store: Store, attempts: list[Attempt]) -> None:
    """Write the aggregate `rest` of every attempt that was killed before its tasks wrote theirs."""
    for attempt in attempts:
        rest = uncounted(spark, store, attempt.folder)
        if rest is not None:
            document = rest.aggregate(attempt.run_id, attempt.job_run_id, REST, attempt.started_at)
            store.write_json(f"{attempt.folder}agg-{REST}.json", document)
            log.info("counted %d rows of the killed attempt %s from its ledger", rest.rows, attempt.job_run_id)


def uncounted(spark: SparkSession, store: Store, folder: str) -> DeliveryCounters | None:
    """Counts of the ledger lines of all tasks that wrote no aggregate; None when there is no such task.

    A line tells the last answer of its record: answers and latencies before that one are lost with the task.
    """
    names = [name for name, _ in store.list_files(folder)]
    parts = {name: match[1] for name in names if (match := _PART.fullmatch(name))}
    counted = {match[1] for name in names if (match := _AGGREGATE.fullmatch(name))}
    if REST in counted or not (lost := set(parts.values()) - counted):
        return None
    lines = read_ledger(spark, store, [folder]).where(
        F.regexp_extract(F.input_file_name(), _PART.pattern, 1).isin(*lost)
    )
    return _count(lines)


def _count(lines: DataFrame) -> DeliveryCounters:
    answered = F.col("http_status").isNotNull()
    bucket = F.floor(F.log(F.greatest(F.col("latency_ms"), F.lit(1e-3))) / math.log(LATENCY_GROWTH))
    second = F.unix_timestamp(F.to_timestamp("first_sent_at"))
    lines = lines.select(
        "outcome",
        "reason",
        F.col("http_status").alias("status"),
        "tries",
        F.when(answered, bucket).alias("bucket"),
        second.alias("second"),
    ).persist()
    counters = DeliveryCounters()
    for row in lines.groupBy("outcome", "reason", "status").agg(F.count("*").alias("rows"), _tries()).collect():
        counters.count_outcome(row["outcome"], row["reason"], row["status"], count=row["rows"])
        counters.posts += row["tries"]
        counters.retries += row["tries"] - row["rows"]
        if row["status"] is not None:
            counters.status_codes[str(row["status"])] += row["rows"]
    counters.latency = _counter(lines.where(F.col("bucket").isNotNull()).groupBy("bucket").agg(F.count("*")))
    counters.seconds = _counter(lines.groupBy("second").agg(_tries()))
    lines.unpersist()
    return counters


def _tries() -> Any:
    return F.sum("tries").alias("tries")


def _counter(groups: DataFrame) -> Counter[int]:
    return Counter({int(value): int(count) for value, count in groups.collect()})
