"""The programs that write extracts, started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from tests.support.file_writers import FileWriters


@pytest.fixture(scope="session")
def writers(spark: SparkSession) -> Iterator[FileWriters]:
    programs = FileWriters(spark)
    yield programs
    programs.close()
