"""Fixtures of the Glue side: Spark and the emulators, each started once per session when a test needs it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from engagement_jobs.common.spark_session import set_read_partitions
from tests.support import glue_emulators
from tests.support.glue_emulators import Bucket, Emulators

_numbers = itertools.count()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # PySpark does not close the sockets of its gateway; the garbage collector does, during any later test.
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture(scope="session")
def glue_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("glue")


@pytest.fixture(scope="session")
def emulators(glue_folder: Path) -> Iterator[Emulators]:
    with pytest.MonkeyPatch.context() as patch, glue_emulators.running(glue_folder, patch) as running:
        yield running


@pytest.fixture(scope="session")
def spark(glue_folder: Path, emulators: Emulators) -> Iterator[SparkSession]:
    # After the emulators, because Spark's workers inherit the environment with their URLs.
    with pytest.MonkeyPatch.context() as patch, glue_emulators.spark_session(glue_folder, emulators, patch) as session:
        set_read_partitions(session, 0)  # few partitions in each shuffle, because tests have few rows
        yield session


@pytest.fixture
def bucket(emulators: Emulators, spark: SparkSession) -> Bucket:
    """A bucket for this test, available through S3 and as s3:// path."""
    return glue_emulators.make_bucket(f"test-{next(_numbers):04d}", emulators, spark)


@pytest.fixture
def crm(emulators: Emulators) -> Iterator[Emulators]:
    """The fake CRM, empty and without a fault."""
    emulators.crm("DELETE", "faults")
    emulators.crm("POST", "reset")
    yield emulators
    emulators.crm("DELETE", "faults")
