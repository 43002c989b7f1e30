"""Codecs, encodings and encryption: what Spark can read is scored, the rest is refused by file and column."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from engagement_jobs.contract.errors import SchemaError
from engagement_jobs.scoring.extract import footers, page_faults
from tests.support.glue_days import DAY, SCHEMA, row, score, score_arguments
from tests.support.glue_emulators import Bucket
from tests.support.parquet_files import chunk, encrypt, write, write_with_duckdb

COLUMNS = ("user_id", "login_count", "items_viewed", "time_spent_minutes", "cart_additions")
ROWS = [row(f"U{number:03d}", number % 11, number, number / 4, number % 9) for number in range(300)]
TABLE = pa.Table.from_pylist(ROWS, SCHEMA)
SPLIT = "BYTE_STREAM_SPLIT"


def with_type(column: str, kind: pa.DataType) -> pa.Table:
    return TABLE.set_column(COLUMNS.index(column), column, TABLE[column].cast(kind))


def split(table: pa.Table, *columns: str) -> bytes:
    return write(table, use_dictionary=False, column_encoding=dict.fromkeys(columns, SPLIT))


def check(spark: SparkSession, bucket: Bucket, body: bytes) -> None:
    page_faults.check_pages(spark, footers.read_files(score_arguments(bucket, body)), COLUMNS)


def scores(spark: SparkSession, bucket: Bucket, body: bytes) -> list[list[str]]:
    """Return the lines of all scores."""
    score(spark, score_arguments(bucket, body))
    keys = [key for key in bucket.keys(f"scores/dt={DAY}/") if key.endswith(".csv")]
    return sorted(line for key in keys for line in bucket.table(key)[1:])


def test_byte_stream_split_is_scored(spark: SparkSession, bucket: Bucket) -> None:
    plain = scores(spark, bucket, write(TABLE))
    assert len(plain) == 300
    assert len({line[1] for line in plain}) > 100
    assert scores(spark, bucket, split(TABLE, "time_spent_minutes")) == plain
    assert chunk(split(TABLE, "time_spent_minutes"), "time_spent_minutes").encodings == ("RLE", SPLIT)
    assert scores(spark, bucket, split(with_type("time_spent_minutes", pa.float32()), "time_spent_minutes")) == plain
    assert scores(spark, bucket, write_with_duckdb(TABLE, "parquet_version v2")) == plain


@pytest.mark.parametrize(
    ("column", "table", "physical_type"),
    [
        ("login_count", TABLE, "INT32"),
        ("items_viewed", TABLE, "INT64"),
        ("time_spent_minutes", with_type("time_spent_minutes", pa.decimal128(30, 2)), "FIXED_LEN_BYTE_ARRAY"),
    ],
)
def test_other_split_types_depend_on_spark(
    spark: SparkSession, bucket: Bucket, column: str, table: pa.Table, physical_type: str
) -> None:
    body = split(table, column)
    if spark.version < "4":
        message = rf"activity\.parquet: column {column} \({physical_type}\) has the encoding {SPLIT}, .* such as PLAIN,"
        with pytest.raises(SchemaError, match=message):
            score(spark, score_arguments(bucket, body))
    else:
        assert scores(spark, bucket, body) == scores(spark, bucket, write(TABLE))


def test_the_vectorized_reader_reads_all_other_files(spark: SparkSession, bucket: Bucket) -> None:
    check(spark, bucket, split(TABLE, "time_spent_minutes"))
    assert spark.conf.get("spark.sql.parquet.enableVectorizedReader") == "false"
    check(spark, bucket, split(TABLE.append_column("extra", TABLE["time_spent_minutes"]), "extra"))
    assert spark.conf.get("spark.sql.parquet.enableVectorizedReader") == "true"


def lzo(table: pa.Table) -> bytes:
    """Return a file whose footer says LZO, which pyarrow cannot write: the codec is the fourth field of a column."""
    body = write(table, compression="brotli")
    start = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    return body[:start] + body[start:].replace(b"\x15\x08\x16", b"\x15\x06\x16")


@pytest.mark.parametrize(
    ("body", "codec", "columns"),
    [
        (write(TABLE, compression="brotli"), "BROTLI", "columns cart_additions, items_viewed, login_count, time_spent"),
        (write(TABLE, compression={"login_count": "brotli"}), "BROTLI", "column login_count is"),
        (write_with_duckdb(TABLE, "compression brotli"), "BROTLI", "columns cart_additions, items_viewed, login_count"),
        (lzo(TABLE), "LZO", "columns cart_additions, items_viewed, login_count, time_spent_minutes, user_id are"),
    ],
)
def test_a_codec_that_spark_lacks_is_named(
    spark: SparkSession, bucket: Bucket, body: bytes, codec: str, columns: str
) -> None:
    message = rf"activity\.parquet: {columns}.* compressed with {codec}, .* expected SNAPPY, GZIP, ZSTD, LZ4 or no"
    with pytest.raises(SchemaError, match=message):
        check(spark, bucket, body)


@pytest.mark.parametrize(
    ("columns", "named"),
    [(["items_viewed"], "column items_viewed is"), (["login_count", "user_id"], "columns user_id, ")],
)
def test_an_encrypted_column_is_named(spark: SparkSession, bucket: Bucket, columns: list[str], named: str) -> None:
    body = encrypt(TABLE, columns, plaintext_footer=True)
    with pytest.raises(SchemaError, match=rf"activity\.parquet: {named}.* encrypted \(Parquet modular encryption\)"):
        check(spark, bucket, body)


def test_what_other_columns_have_does_not_matter(spark: SparkSession, bucket: Bucket) -> None:
    wide = TABLE.append_column("secret", TABLE["items_viewed"]).append_column("note", TABLE["user_id"])
    plain = scores(spark, bucket, write(TABLE))
    assert scores(spark, bucket, encrypt(wide, ["secret"], plaintext_footer=True)) == plain
    assert scores(spark, bucket, write(wide, compression={"note": "brotli"})) == plain


def test_a_file_without_rows_is_not_checked(spark: SparkSession, bucket: Bucket) -> None:
    check(spark, bucket, write(TABLE.slice(0, 0), compression="brotli"))
