"""Count what killed tasks sent, from the ledger.

A task writes its aggregate when it ends, so a killed task leaves ledger lines without an aggregate. This attempt, or
the next one after the job was killed, counts these lines, so that the aggregates of all attempts include them.
"""

from __future__ import annotations

import logging
import math
import re
from collections import Counter

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.common.aws import Store
from engagement_jobs.delivery.counters import LATENCY_GROWTH, DeliveryCounters
from engagement_jobs.push.attempts import REST, Attempt
from engagement_jobs.push.delivery_history import read_ledger

_LEDGER_PART = re.compile(r"part-([a-z0-9]+)-[0-9]+\.jsonl")
_AGGREGATE = re.compile(r"agg-([a-z0-9]+)\.json")

log = logging.getLogger("engagement.killed_tasks")


def write_missing_aggregates(spark: SparkSession, store: Store, attempts: list[Attempt]) -> None:
    """Write the aggregate `rest` of every attempt that was killed before its tasks wrote theirs."""
    for attempt in attempts:
        counters = count_killed_tasks(spark, store, attempt.folder)
        if counters is not None:
            attempt.write_aggregate(store, REST, counters)
            log.info("counted %d rows of the killed attempt %s from its ledger", counters.rows, attempt.job_run_id)


def count_killed_tasks(spark: SparkSession, store: Store, folder: str) -> DeliveryCounters | None:
    """Count the ledger lines of all tasks that wrote no aggregate.

    A line has only the last response to its user: earlier responses and their latencies are lost with the task.

    :param folder: S3 folder of one attempt
    :return: None if every task wrote its aggregate, or `rest` was written before
    """
    names = [name for name, _ in store.list_files(folder)]
    with_ledger = {match[1] for name in names if (match := _LEDGER_PART.fullmatch(name))}
    with_aggregate = {match[1] for name in names if (match := _AGGREGATE.fullmatch(name))}
    killed = with_ledger - with_aggregate
    if not killed or REST in with_aggregate:
        return None
    task = F.regexp_extract(F.input_file_name(), _LEDGER_PART.pattern, 1)
    return _count(read_ledger(spark, store, [folder]).where(task.isin(*killed)))


def _count(lines: DataFrame) -> DeliveryCounters:
    has_response = F.col("http_status").isNotNull()
    bucket = F.floor(F.log(F.greatest(F.col("latency_ms"), F.lit(1e-3))) / math.log(LATENCY_GROWTH))
    lines = lines.select(
        "outcome",
        "reason",
        F.col("http_status").alias("status"),
        "tries",
        F.when(has_response, bucket).alias("bucket"),
        F.unix_timestamp(F.to_timestamp("first_sent_at")).alias("second"),
    ).persist()
    counters = DeliveryCounters()
    groups = lines.groupBy("outcome", "reason", "status").agg(F.count("*").alias("rows"), _sum_of_tries())
    for group in groups.collect():
        counters.count_outcome(group["outcome"], group["reason"], group["status"], count=group["rows"])
        counters.posts += group["tries"]
        counters.retries += group["tries"] - group["rows"]
        if group["status"] is not None:
            counters.status_codes[str(group["status"])] += group["rows"]
    counters.latency = _collect(lines.where(F.col("bucket").isNotNull()).groupBy("bucket").agg(F.count("*")))
    counters.seconds = _collect(lines.groupBy("second").agg(_sum_of_tries()))
    lines.unpersist()
    return counters


def _sum_of_tries() -> Column:
    return F.sum("tries").alias("tries")


def _collect(groups: DataFrame) -> Counter[int]:
    return Counter({int(value): int(count) for value, count in groups.collect()})
