"""Settings of the Spark session that both jobs share."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark import SparkConf
from pyspark.sql import SparkSession

from engagement_jobs.common import spark_session
from tests.support.glue_emulators import SLOTS


class _FakeSession:
    """The part of a session that `task_slots` reads."""

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
def test_task_slots_are_those_of_the_executors(conf: dict[str, str], slots: int, spark: SparkSession) -> None:
    session: Any = _FakeSession(7, **conf)
    assert spark_session.task_slots(session) == slots
    assert spark_session.task_slots(spark) == SLOTS


@pytest.mark.parametrize(("rows", "partitions"), [(0, SLOTS), (10_000, SLOTS), (2_000_001, 5), (100_000_000, 200)])
def test_shuffle_partitions_depend_on_rows_and_slots(spark: SparkSession, rows: int, partitions: int) -> None:
    spark_session.set_shuffle_partitions(spark, rows)
    assert spark.conf.get("spark.sql.shuffle.partitions") == str(partitions)


@pytest.mark.parametrize(("size", "partitions"), [(0, 1), (16 << 20, 1), ((16 << 20) + 1, 2), (2_500_000_000, 150)])
def test_read_partitions_depend_on_the_bytes_alone(spark: SparkSession, size: int, partitions: int) -> None:
    spark_session.set_read_partitions(spark, size)
    assert spark.conf.get("spark.sql.shuffle.partitions") == str(partitions)
    assert spark.conf.get("spark.sql.files.minPartitionNum") == "1"


def test_a_started_session_has_the_shared_settings(spark: SparkSession) -> None:
    assert spark_session.start("again") is spark
    for name, value in {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.adaptive.enabled": "false",
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    }.items():
        assert spark.conf.get(name) == value
