"""The Spark session and what both jobs set on it."""

from __future__ import annotations

import math

from pyspark.sql import SparkSession

from engagement_jobs.common import log_setup

_ROWS_PER_PARTITION = 500_000
_BYTES_PER_READ = 16 << 20
"""Of Parquet: half a million rows or so, where the groups of rows are not larger."""

# Fields with commas, quotes, line breaks or spaces at their ends survive a round trip (RFC 4180 quoting).
CSV_OPTIONS = {
    "header": "true",
    "quote": '"',
    "escape": '"',
    "ignoreLeadingWhiteSpace": "false",
    "ignoreTrailingWhiteSpace": "false",
    "encoding": "UTF-8",
}


def start(name: str) -> SparkSession:
    """The session of a job; the cluster's own settings come from the job definition."""
    log_setup.log_to_stdout()
    spark = (
        SparkSession.builder.appName(name)
        .config("spark.sql.session.timeZone", "UTC")
        # Adaptive execution turns every shuffle into a Spark job of its own. `set_shuffle_partitions` and
        # `set_read_partitions` give its benefit, the right number of partitions, without that cost.
        .config("spark.sql.adaptive.enabled", "false")
        # Timestamps as pandas writes them, in a column that nobody asked for, would fail the whole file.
        .config("spark.sql.legacy.parquet.nanosAsLong", "true")
        # What is kept in memory is read again within seconds: packing it takes longer than it saves.
        .config("spark.sql.inMemoryColumnarStorage.compressed", "false")
        # Of so many rows at a time, or 4 MB, as Spark has it: with its 10,000 it spends more time between batches.
        .config("spark.sql.inMemoryColumnarStorage.batchSize", "100000")
        # Readers trust a folder by its manifest; a marker beside the data would be a second opinion.
        .config("spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("WARN")
    return spark


def task_slots(spark: SparkSession) -> int:
    """How many tasks run at the same time on this cluster."""
    conf = spark.sparkContext.getConf()
    executors, cores = conf.get("spark.executor.instances"), conf.get("spark.executor.cores")
    if executors and cores and not conf.get("spark.master", "").startswith("local"):
        return int(executors) * int(cores)
    return spark.sparkContext.defaultParallelism


def set_shuffle_partitions(spark: SparkSession, rows: int) -> None:
    """Size shuffles for `rows`: a small day needs no two hundred partitions, a large one more."""
    partitions = max(task_slots(spark), math.ceil(rows / _ROWS_PER_PARTITION))
    spark.conf.set("spark.sql.shuffle.partitions", str(partitions))


def set_read_partitions(spark: SparkSession, size: int) -> None:
    """Size reads of Parquet, and what follows them, by the bytes that there are: the same on every cluster."""
    spark.conf.set("spark.sql.files.maxPartitionBytes", str(_BYTES_PER_READ))
    spark.conf.set("spark.sql.files.minPartitionNum", "1")
    spark.conf.set("spark.sql.shuffle.partitions", str(max(1, math.ceil(size / _BYTES_PER_READ))))
