"""The Spark session and the settings that both jobs share."""

from __future__ import annotations

import math

from pyspark.sql import SparkSession

from engagement_jobs.common import log_setup

_ROWS_PER_PARTITION = 500_000
_BYTES_PER_READ = 16 << 20
"""Of Parquet: about half a million rows, unless the row groups are larger."""

# Fields with commas, quotes, line breaks or surrounding spaces survive a round trip (RFC 4180 quoting).
CSV_OPTIONS = {
    "header": "true",
    "quote": '"',
    "escape": '"',
    "ignoreLeadingWhiteSpace": "false",
    "ignoreTrailingWhiteSpace": "false",
    "encoding": "UTF-8",
}


def start(name: str) -> SparkSession:
    """Start the session of a job. Settings of the cluster itself come from the job definition.

    :param name: application name
    """
    log_setup.log_to_stdout()
    spark = (
        SparkSession.builder.appName(name)
        .config("spark.sql.session.timeZone", "UTC")
        # Adaptive execution turns every shuffle into a Spark job of its own. `set_shuffle_partitions` and
        # `set_read_partitions` give its benefit, the right number of partitions, without that cost.
        .config("spark.sql.adaptive.enabled", "false")
        # Cached data is read again within seconds: compressing it takes longer than it saves.
        .config("spark.sql.inMemoryColumnarStorage.compressed", "false")
        # Rows per cached batch. With the default of 10,000 Spark spends more time between batches.
        .config("spark.sql.inMemoryColumnarStorage.batchSize", "100000")
        # Readers rely on the manifest alone; a `_SUCCESS` file would be a second, weaker signal.
        .config("spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
        # A page whose bytes were changed on the way would be scored as it is. Writers need not add checksums to pages.
        .config("spark.hadoop.parquet.page.verify-checksum.enabled", "true")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("WARN")
    return spark


def task_slots(spark: SparkSession) -> int:
    """Return how many tasks this cluster runs at the same time."""
    conf = spark.sparkContext.getConf()
    executors, cores = conf.get("spark.executor.instances"), conf.get("spark.executor.cores")
    if executors and cores and not conf.get("spark.master", "").startswith("local"):
        return int(executors) * int(cores)
    return spark.sparkContext.defaultParallelism


def set_shuffle_partitions(spark: SparkSession, rows: int) -> None:
    """Set the number of shuffle partitions: at least one per task slot, more for many rows."""
    partitions = max(task_slots(spark), math.ceil(rows / _ROWS_PER_PARTITION))
    spark.conf.set("spark.sql.shuffle.partitions", str(partitions))


def set_read_partitions(spark: SparkSession, size: int) -> None:
    """Set the partitions of Parquet reads and of the shuffles after them by size alone, equal on every cluster.

    :param size: bytes of the extract
    """
    spark.conf.set("spark.sql.files.maxPartitionBytes", str(_BYTES_PER_READ))
    spark.conf.set("spark.sql.files.minPartitionNum", "1")
    spark.conf.set("spark.sql.shuffle.partitions", str(max(1, math.ceil(size / _BYTES_PER_READ))))
