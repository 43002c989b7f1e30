"""Footers that are readable and contradict themselves."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from engagement_jobs.contract.errors import SchemaError
from engagement_jobs.scoring.extract.chunks import Chunk, read_chunks
from engagement_jobs.scoring.extract.footers import ExtractFile, read_files
from tests.support.glue_days import SCHEMA, row, score, score_arguments
from tests.support.glue_emulators import Bucket
from tests.support.parquet_files import change, write, write_with_duckdb

TABLE = pa.Table.from_pylist([row(f"U{number:03d}", number % 11, number) for number in range(300)], SCHEMA)
BODY = write(TABLE)
FOOTER = len(BODY) - 8 - int.from_bytes(BODY[-8:-4], "little")
DAMAGED = r"activity\.parquet cannot be read as Parquet: its footer is damaged \("


def read(spark: SparkSession, bucket: Bucket, body: bytes) -> tuple[ExtractFile, list[Chunk]]:
    (file,) = read_files(score_arguments(bucket, body))
    return file, read_chunks(spark, file)


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        write(TABLE, row_group_size=70, compression="zstd", data_page_version="2.0"),
        write(TABLE, use_dictionary=False, compression="gzip"),
        write(TABLE.append_column("half", TABLE["items_viewed"].cast(pa.float16()))),  # unknown to Spark 3
        write(TABLE.append_column("tags", pa.array([["a", None], []] * 150)), compression="lz4"),
        write_with_duckdb(TABLE),
    ],
)
def test_chunks_are_those_of_pyarrow(spark: SparkSession, bucket: Bucket, body: bytes) -> None:
    _, chunks = read(spark, bucket, body)
    metadata = pq.read_metadata(io.BytesIO(body))
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    described = [group.column(number) for group in groups for number in range(group.num_columns)]
    codecs = {"LZ4_RAW": "LZ4"}  # pyarrow has one name for both
    assert [(each.path, each.physical_type, codecs.get(each.codec, each.codec)) for each in chunks] == [
        (each.path_in_schema, each.physical_type, each.compression) for each in described
    ]
    assert [each.end - each.start for each in chunks] == [each.total_compressed_size for each in described]
    assert {each.is_split or each.is_encrypted for each in chunks} == {False}


@pytest.mark.parametrize("place", [20, 40, 59])
def test_a_footer_that_ends_pyarrow_does_not_end_the_job(spark: SparkSession, bucket: Bucket, place: int) -> None:
    # The column is no longer optional, which contradicts the histogram of its definition levels.
    place += FOOTER
    file, chunks = read(spark, bucket, change(BODY, place, bytes([BODY[place] & 0xFE])))
    assert len(chunks) == len(file.metadata.schema) == 5


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"\x18\x0blogin_count", b"\x18\x0blogin_couns", "a row group does not have column 'login_couns'"),
        (b"\x1c\x15\x04\x19", b"\x1c\x15\x02\x19", "a row group does not have column 'items_viewed'"),
        (b"\x16\xd8\x04\x16", b"\x16\xd6\x04\x16", r"column '\w+' has 299 values in a row group of 300 rows"),
        (b"\x16\xd8\x04\x19\x1c", b"\x16\xda\x04\x19\x1c", "its row groups do not have as many rows as the file"),
    ],
)
def test_a_contradiction_is_damage(spark: SparkSession, bucket: Bucket, old: bytes, new: bytes, words: str) -> None:
    place = BODY.find(old, FOOTER)
    assert place > 0
    with pytest.raises(SchemaError, match=DAMAGED + words):
        read(spark, bucket, change(BODY, place, new))
    assert score(spark, score_arguments(bucket, BODY))["rows"]["scored"] == 300
