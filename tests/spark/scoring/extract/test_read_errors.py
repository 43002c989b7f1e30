"""Damaged pages: one line that names the file and the column, and no manifest."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.contract.errors import SchemaError
from engagement_jobs.scoring.extract import footers
from engagement_jobs.scoring.extract.read_errors import explained
from tests.support.glue_days import DAY, SCHEMA, parquet, row, score, score_arguments
from tests.support.glue_emulators import Bucket
from tests.support.parquet_files import change, chunk, flip_last_value, write

ROWS = [row(f"U{number:04d}", number % 11, number, number / 4, number % 9) for number in range(3_000)]
TABLE = pa.Table.from_pylist(ROWS, SCHEMA)
PLAIN = {"use_dictionary": False, "compression": "none"}


def flip_header(body: bytes, column: str) -> bytes:
    place = chunk(body, column).data_page_offset + 3
    return change(body, place, bytes([body[place] ^ 0xFF]))


def zero_page(body: bytes, column: str) -> bytes:
    return change(body, chunk(body, column).data_page_offset + 60, bytes(100))


def change_last_indexes(body: bytes, column: str) -> bytes:
    """Change indexes into the dictionary to numbers that it does not have."""
    described = chunk(body, column)
    return change(body, described.dictionary_page_offset + described.total_compressed_size - 6, b"\xff" * 6)


def require(body: bytes, column: str) -> bytes:
    """Change the column from optional to required in the schema: the levels of its pages look like values."""
    footer = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    name = body.index(bytes([0x18, len(column)]) + column.encode(), footer)
    return change(body, body.rindex(b"\x25\x02", footer, name), b"\x25\x00")


# name: file, damaged column, problem
DAMAGED = {
    "checksum of a plain page": (
        flip_last_value(write(TABLE, **PLAIN, write_page_checksum=True), "items_viewed"),
        "items_viewed",
        "a page differs from its checksum, so its bytes were changed",
    ),
    "checksum of a dictionary": (
        flip_last_value(write(TABLE, write_page_checksum=True), "user_id"),
        "user_id",
        "a page differs from its checksum",
    ),
    "checksum before the page spins": (
        zero_page(write(TABLE, **PLAIN, write_page_checksum=True), "login_count"),
        "login_count",
        "a page differs from its checksum",
    ),
    "page header": (
        flip_header(write(TABLE), "cart_additions"),
        "cart_additions",
        r"the file is likely damaged \(Required field .*PageHeader",
    ),
    # Spark's vectorized reader names neither file nor column.
    "index into the dictionary": (
        change_last_indexes(write(TABLE, compression="none"), "items_viewed"),
        "items_viewed",
        r"the file is likely damaged \(Index \d+ out of bounds for length \d+\)",
    ),
    "compressed page": (
        zero_page(write(TABLE, compression="gzip"), "user_id"),
        "user_id",
        r"the file is likely damaged \(invalid ",
    ),
    # The row-based reader accepts it.
    "integers that are not optional": (require(write(TABLE[:60]), "items_viewed"), "items_viewed", ".*likely damaged"),
    "text that is not optional": (require(write(TABLE[:60]), "user_id"), "user_id", "the file is likely damaged"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_page_is_named(spark: SparkSession, bucket: Bucket, case: str) -> None:
    body, column, problem = DAMAGED[case]
    folder = f"activity/dt={DAY}/"
    keys = [f"{folder}country=D E/part-{number}%41.parquet" for number in range(3)]
    etags = {key: bucket.put(key, part) for key, part in zip(keys, (parquet(ROWS[:9]), body, parquet([])), strict=True)}
    arguments = score_arguments(bucket, None, input_uri=f"s3://{bucket.name}/{folder}", input_etags=json.dumps(etags))
    with pytest.raises(SchemaError, match=f"column {column} cannot be read: {problem}") as error:
        score(spark, arguments)
    text = str(error.value)
    assert text.startswith(f"s3://{bucket.name}/{keys[1]}: ")
    assert text.endswith(". Have the extract written again, then clear check_activity.")
    assert "\n" not in text
    assert error.value.__suppress_context__
    assert f"scores/dt={DAY}/_manifest.json" not in bucket.keys(f"scores/dt={DAY}/")


def test_checksums_of_newer_pages_need_spark_4(spark: SparkSession, bucket: Bucket) -> None:
    whole = write(TABLE, **PLAIN, data_page_version="2.0", write_page_checksum=True)
    assert score(spark, score_arguments(bucket, whole))["rows"]["scored"] == len(ROWS)
    damaged = score_arguments(bucket, flip_last_value(whole, "time_spent_minutes"))
    if spark.version < "4":  # as the data contract says
        assert score(spark, damaged)["rows"]["input"] == len(ROWS)
    else:
        with pytest.raises(SchemaError, match="time_spent_minutes cannot be read: a page differs from its checksum"):
            score(spark, damaged)


def test_other_errors_are_left_alone(spark: SparkSession, bucket: Bucket) -> None:
    files = footers.read_files(score_arguments(bucket, parquet(ROWS[:9])))

    def read(_: object) -> DataFrame:
        raise AssertionError("read again")

    with pytest.raises(ZeroDivisionError), explained(spark, files, read):
        1 / 0  # noqa: B018
    out_of_memory = F.raise_error(F.lit("java.lang.OutOfMemoryError at org.apache.parquet.column"))
    with pytest.raises(Exception, match="OutOfMemoryError"), explained(spark, files, read):
        spark.range(1).select(out_of_memory).collect()


def test_an_error_that_does_not_occur_again_is_kept(spark: SparkSession, bucket: Bucket) -> None:
    (file,) = footers.read_files(score_arguments(bucket, parquet(ROWS[:9])))
    passing = spark.range(3)
    with pytest.raises(Exception, match="Encountered error while"), explained(spark, [file], lambda _: passing):
        spark.range(1).select(F.raise_error(F.lit("Encountered error while reading file x"))).collect()
