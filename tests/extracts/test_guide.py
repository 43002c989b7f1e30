"""The code of the guide for producers writes extracts that are scored right."""

from __future__ import annotations

import csv
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from local.s3_emulator import SETTLE_SECONDS
from tests.extracts.results import FOLDER, check_result
from tests.extracts.test_corpus import check
from tests.support.file_writers import PYTHON
from tests.support.glue_days import DAY, score
from tests.support.glue_emulators import Bucket, Emulators
from tests.writers.expected import COLUMNS, expect
from tests.writers.spec import NAME, Column, File

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "extract.md").read_text(encoding="utf-8")
CODE = dict(re.findall(r"^## (\w+)$[^#]*?^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
ROWS = [
    # Values that a careless reader of CSV changes: leading zeros, and words that pandas takes for missing values.
    ("0042", 3, 40, 12.25, 1),
    ("42", 10, 100, 120.0, 8),
    ("NA", 0, 0, 0.0, 0),
    ("null", 7, 1, 0.5, 2),
    ("Smith, J.", 1, 2, 3.75, 4),
    ("Zoë", 2**40, 5, 6.0, 7),
    ("1e5", 4, 12, 99.5, 3),
    ("no logins", None, 12, 99.5, 3),
    ("no minutes", 4, 12, None, 3),
]
ACTIVITY = File(
    "the code of the guide", tuple(Column(n, "", v) for n, v in zip(COLUMNS, zip(*ROWS, strict=True), strict=True))
)


def write_csv(path: Path) -> None:
    """Write the source of the code, with a column that is not needed, in another order."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["country", *reversed(COLUMNS)])
        writer.writerows(["DE", *reversed(row)] for row in ROWS)


@pytest.fixture
def _marks_success(spark: SparkSession) -> Iterator[None]:
    """Spark's own default, which the jobs change."""
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    name = "mapreduce.fileoutputcommitter.marksuccessfuljobs"
    before = hadoop.get(name)
    hadoop.set(name, "true")
    yield
    hadoop.set(name, before)


@pytest.mark.parametrize("program", ["pandas", "Polars", "DuckDB"])
def test_what_the_code_writes_is_scored(spark: SparkSession, bucket: Bucket, tmp_path: Path, program: str) -> None:
    write_csv(tmp_path / "activity.csv")
    subprocess.run([PYTHON, "-c", CODE[program]], cwd=tmp_path, check=True)
    bucket.put(FOLDER + NAME, (tmp_path / "activity.parquet").read_bytes())
    check_result(bucket, score(spark, check(bucket, FOLDER + NAME)), expect([ACTIVITY]))


@pytest.mark.usefixtures("_marks_success")
def test_what_the_code_for_spark_writes_is_scored(spark: SparkSession, bucket: Bucket, emulators: Emulators) -> None:
    source = emulators.root / bucket.name / "source"
    source.mkdir()
    write_csv(source / "activity.csv")
    exec(CODE["Spark"].replace("activity-bucket", bucket.name).replace("2026-11-23", DAY), {})  # noqa: S102 - our page
    time.sleep(1.5 * SETTLE_SECONDS)
    names = [key.removeprefix(FOLDER) for key in bucket.keys(FOLDER)]
    assert "_SUCCESS" in names
    parts = [replace(ACTIVITY, name=name) for name in names if name.startswith("part-")]
    check_result(bucket, score(spark, check(bucket, f"{FOLDER}_SUCCESS")), expect(parts))


def test_the_page_has_code_for_each_program() -> None:
    assert list(CODE) == ["pandas", "Polars", "DuckDB", "Spark"]
    assert all(f'"{name}"' in CODE[program] for name in COLUMNS for program in ("pandas", "Polars", "Spark"))
