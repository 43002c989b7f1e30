"""Files that were joined or lost bytes: recognized by the offsets in their footers, before a page is read."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from engagement_jobs.contract.errors import SchemaError
from engagement_jobs.scoring.extract import file_layout, footers
from engagement_jobs.scoring.extract.chunks import read_chunks
from engagement_jobs.scoring.extract.file_layout import check_layout
from tests.support.glue_days import SCHEMA, parquet, row, score_arguments
from tests.support.glue_emulators import Bucket
from tests.support.parquet_files import chunk, write, write_with_duckdb

ROWS = [row(f"A{number:03d}", number) for number in range(300)]
FIRST = parquet(ROWS)
EQUAL = parquet([row(f"B{number:03d}", number) for number in range(300)])
SMALL, EMPTY = parquet([row("C")]), parquet([])
LARGE = parquet([row(f"D{number:05d}", number, number) for number in range(9_000)], group=2_000)
# DuckDB puts Bloom filters between the columns and the footer.
DUCKDB = write_with_duckdb(pa.Table.from_pylist(ROWS, SCHEMA))


def footer_start(body: bytes) -> int:
    return len(body) - 8 - int.from_bytes(body[-8:-4], "little")


def with_comment(prefix: str, length: int) -> bytes:
    """Return a file whose needed columns are where every such file has them, before a column of any size."""
    table = pa.Table.from_pylist([row(f"{prefix}{number:03d}") for number in range(300)], SCHEMA)
    commented = table.append_column("comment", pa.array(["x" * length] * 300))
    return write(commented, use_dictionary=False, compression="none")


def check(spark: SparkSession, bucket: Bucket, body: bytes) -> None:
    (file,) = footers.read_files(score_arguments(bucket, body))
    check_layout(file, read_chunks(spark, file))


@pytest.mark.parametrize(
    "bodies",
    [
        (FIRST, EQUAL),
        (SMALL, LARGE),
        (LARGE, SMALL),
        (FIRST, EQUAL, SMALL),
        (EMPTY, FIRST),
        (FIRST, EMPTY),
        (EMPTY, EMPTY),
        (DUCKDB, FIRST),
        (FIRST, DUCKDB),
        (with_comment("A", 10), with_comment("B", 100)),
        (with_comment("A", 100), with_comment("B", 10)),
    ],
)
def test_joined_files_are_refused(spark: SparkSession, bucket: Bucket, bodies: tuple[bytes, ...]) -> None:
    end = sum(map(len, bodies[:-1]))
    with pytest.raises(
        SchemaError, match=f"is several Parquet files one after the other: one of them ends at byte {end}"
    ):
        check(spark, bucket, b"".join(bodies))


def test_joined_files_are_found_far_from_the_end(
    spark: SparkSession, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_layout, "_READ_BYTES", 100)
    end = len(LARGE)
    for shift in range(3):  # the end is on both sides of what is read at once
        body = LARGE + bytes(shift) + DUCKDB
        with pytest.raises(SchemaError, match=f"one of them ends at byte {end}"):
            check(spark, bucket, body)


@pytest.mark.parametrize(
    "body",
    [
        FIRST,
        LARGE,
        EMPTY,
        DUCKDB,
        write_with_duckdb(pa.Table.from_pylist([row(f"PAR1{number}PAR1") for number in range(300)], SCHEMA)),
        # Neither magic number after the columns ends a footer.
        FIRST[: footer_start(FIRST)] + b"xxxxx\5\0\0\0PAR1\xff\xff\xff\xffPAR1" + FIRST[footer_start(FIRST) :],
    ],
)
def test_complete_files_pass(spark: SparkSession, bucket: Bucket, body: bytes) -> None:
    check(spark, bucket, body)


@pytest.mark.parametrize(
    "body",
    [
        FIRST[:900] + FIRST[901:],
        LARGE[:30_000] + LARGE[40_000:],
        b"PAR1" + FIRST[-3_000:],
        b"PAR1" + LARGE[chunk(LARGE, "cart_additions").data_page_offset :],
        DUCKDB[:500] + DUCKDB[1_500:],
    ],
)
def test_missing_bytes_are_noticed(spark: SparkSession, bucket: Bucket, body: bytes) -> None:
    with pytest.raises(SchemaError, match=r"is damaged: its footer describes column data up to byte \d+, expected at"):
        check(spark, bucket, body)


def at(body: bytes, column: str, place: int) -> bytes:
    """Return a file whose footer has the first data page of a column somewhere else."""
    start = footer_start(body)
    old = _varint(chunk(body, column).data_page_offset)
    assert body.count(old, start) == 1  # not in a statistic, too
    footer = body[start:-8].replace(old, _varint(place))
    return body[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _varint(number: int) -> bytes:
    """Return the field that has the offset of a data page, the ninth of a column, as Thrift writes it."""
    number, body = 2 * number, b"\x26"
    while number > 127:
        body, number = body + bytes([number % 128 | 128]), number // 128
    return body + bytes([number])


PLAIN = write(pa.Table.from_pylist(ROWS, SCHEMA), use_dictionary=False, compression="none", write_page_checksum=True)


@pytest.mark.parametrize(
    ("column", "place"),
    [
        ("items_viewed", chunk(PLAIN, "time_spent_minutes").data_page_offset),
        ("cart_additions", chunk(PLAIN, "login_count").data_page_offset),
        ("time_spent_minutes", chunk(PLAIN, "time_spent_minutes").data_page_offset - 128),
    ],
)
def test_columns_do_not_share_bytes(spark: SparkSession, bucket: Bucket, column: str, place: int) -> None:
    check(spark, bucket, PLAIN)
    with pytest.raises(SchemaError, match=r"is damaged: its footer describes column '\w+' from byte \d+, expected at"):
        check(spark, bucket, at(PLAIN, column, place))
