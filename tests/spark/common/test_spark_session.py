"""What both jobs set on Spark."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark import SparkConf
from pyspark.sql import SparkSession

from engagement_jobs.common import spark_session
from tests.support.glue_world import SLOTS


class _Cluster:
    """As much of a session as `spark_session.task_slots` looks at."""

    def __init__(self, parallelism: int, **conf: str) -> None:
        self.sparkContext = self
        self.defaultParallelism = parallelism
        self._conf = SparkConf(loadDefaults=False)
        self._conf.setAll([(f"spark.{name.replace('_', '.')}", value) for name, value in conf.items()])

    def getConf(self) -> SparkConf:  # noqa: N802 - Spark's name
        return self._conf


@pytest.mark.parametrize(
    ("conf", "slots"),
    [
        ({"master": "yarn", "executor_instances": "9", "executor_cores": "4"}, 36),
        ({"master": "yarn", "executor_cores": "4"}, 7),
        ({"master": "local[4]", "executor_instances": "9", "executor_cores": "4"}, 7),
        ({}, 7),
    ],
)
def test_slots(conf: dict[str, str], slots: int, spark: SparkSession) -> None:
    cluster: Any = _Cluster(7, **conf)
    assert spark_session.task_slots(cluster) == slots
    assert spark_session.task_slots(spark) == SLOTS


@pytest.mark.parametrize(("rows", "partitions"), [(0, SLOTS), (10_000, SLOTS), (2_000_001, 5), (100_000_000, 200)])
def test_shuffles_fit_the_rows(spark: SparkSession, rows: int, partitions: int) -> None:
    spark_session.set_shuffle_partitions(spark, rows)
    assert spark.conf.get("spark.sql.shuffle.partitions") == str(partitions)


@pytest.mark.parametrize(("size", "partitions"), [(0, 1), (16 << 20, 1), ((16 << 20) + 1, 2), (2_500_000_000, 150)])
def test_reads_fit_the_bytes_whatever_the_cluster(spark: SparkSession, size: int, partitions: int) -> None:
    spark_session.set_read_partitions(spark, size)
    assert spark.conf.get("spark.sql.shuffle.partitions") == str(partitions)
    assert spark.conf.get("spark.sql.files.minPartitionNum") == "1"


def test_settings(spark: SparkSession) -> None:
    assert spark_session.start("again") is spark
    for name, value in {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.adaptive.enabled": "false",
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    }.items():
        assert spark.conf.get(name) == value
