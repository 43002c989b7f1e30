"""The rows that Spark reads: with the types of each footer, from exactly the checked files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from engagement_jobs.contract.errors import SchemaError
from engagement_jobs.scoring.extract import footers
from engagement_jobs.scoring.extract.reader import read_extract
from engagement_jobs.scoring.weights import Weights
from tests.support import parquet_files
from tests.support.glue_days import DAY, SCHEMA, parquet, row, score, score_arguments
from tests.support.glue_emulators import Bucket

FOLDER = f"activity/dt={DAY}/"
WEIGHTS = Weights.default()


def schema_with(**types: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(field.name, types.get(field.name, field.type)) for field in SCHEMA])


def put_folder(bucket: Bucket, bodies: Mapping[str, bytes]) -> Any:
    """Upload files and return the arguments that name them."""
    etags = {FOLDER + name: bucket.put(FOLDER + name, body) for name, body in bodies.items()}
    return score_arguments(bucket, None, input_uri=f"s3://{bucket.name}/{FOLDER}", input_etags=json.dumps(etags))


def read(spark: SparkSession, bucket: Bucket, bodies: Sequence[bytes]) -> list[tuple[Any, ...]]:
    """Read an extract as the job does."""
    arguments = put_folder(bucket, {f"part-{number}.parquet": body for number, body in enumerate(bodies)})
    rows = read_extract(spark, footers.read_files(arguments), WEIGHTS)
    assert tuple(rows.columns) == WEIGHTS.columns
    return sorted(map(tuple, rows.collect()), key=str)


def test_each_file_is_read_with_its_own_types(spark: SparkSession, bucket: Bucket) -> None:
    largest, whole = 2**64 - 1, pa.decimal128(38, 0)
    bodies = [
        parquet([row("A1", 1, 2, 3.5, 4), row("A2", None, None, None, None)]),
        parquet([row("B1", 2**31 - 1, largest, 0.5, 4)], schema_with(items_viewed=pa.uint64())),
        parquet(
            [row("C1", Decimal(7), Decimal("9" * 38), 1.0, Decimal(2))],
            schema_with(login_count=pa.decimal128(9, 0), items_viewed=whole, cart_additions=pa.decimal128(18, 0)),
        ),
        parquet([row("D1", None, None, Decimal("2.50"), 1)], schema_with(
            login_count=pa.null(), items_viewed=pa.null(), time_spent_minutes=pa.decimal128(9, 2)
        )),
        parquet([row(None, 1, 2, 3, 4)] * 2, schema_with(user_id=pa.null(), time_spent_minutes=pa.int16())),
    ]  # fmt: skip
    assert read(spark, bucket, bodies) == sorted(
        [
            ("A1", 1, 2, 3.5, 4),
            ("A2", None, None, None, None),
            ("B1", 2**31 - 1, largest, 0.5, 4),
            ("C1", 7, 10**38 - 1, 1.0, 2),
            ("D1", None, None, 2.5, 1),
            (None, 1, 2, 3.0, 4),
            (None, 1, 2, 3.0, 4),
        ],
        key=str,
    )


def test_a_part_without_rows_never_matters(spark: SparkSession, bucket: Bucket) -> None:
    bodies = [
        parquet_files.write(pa.table({})),
        parquet([], pa.schema([(name, pa.null()) for name in SCHEMA.names])),
        parquet([], schema_with(user_id=pa.int32(), login_count=pa.string(), items_viewed=pa.float16())),
        parquet([row("U1"), row("U2")]),
    ]
    assert read(spark, bucket, bodies) == [("U1", 5, 50, 60.0, 4), ("U2", 5, 50, 60.0, 4)]


def test_rows_without_any_value_are_read(spark: SparkSession, bucket: Bucket) -> None:
    body = parquet([dict.fromkeys(SCHEMA.names)] * 3, pa.schema([(name, pa.null()) for name in SCHEMA.names]))
    assert read(spark, bucket, [body]) == [(None,) * 5] * 3


def test_more_columns_of_any_type_are_ignored(spark: SparkSession, bucket: Bucket) -> None:
    more: list[tuple[str, pa.DataType]] = [
        *(("at", pa.time64("us")), ("exact", pa.time64("ns")), ("seen", pa.timestamp("ns", "UTC"))),
        *(("id", pa.uuid()), ("huge", pa.decimal256(76, 38)), ("none", pa.null()), ("took", pa.duration("ns"))),
        *(("Country", pa.string()), ("country", pa.int8()), ("user_id.old", pa.int8()), ("", pa.int8())),
        *(("tags", pa.list_(pa.string())), ("deep", pa.struct([("user_id", pa.list_(pa.int8()))]))),
    ]
    table = pa.Table.from_pylist([row("U1"), row("U2", 1)], SCHEMA)
    for name, kind in more:
        table = table.append_column(name, pa.nulls(2, kind))
    sql = "SELECT *, INTERVAL 3 DAYS AS away, uuid() AS device, TIME '12:00:00' AS noon, '101'::BIT AS bits FROM rows"
    with duckdb.connect() as connection:
        connection.register("rows", pa.Table.from_pylist([row("U3", 2)], SCHEMA))
        of_duckdb = parquet_files.write_with_duckdb(connection.sql(sql).to_arrow_table())
    assert read(spark, bucket, [parquet_files.write(table), of_duckdb]) == [
        ("U1", 5, 50, 60.0, 4),
        ("U2", 1, 50, 60.0, 4),
        ("U3", 2, 50, 60.0, 4),
    ]


def test_what_an_earlier_spark_stored_is_not_believed(spark: SparkSession, bucket: Bucket) -> None:
    def stale(*fields: tuple[str, str]) -> bytes:
        """Return a file whose columns another program changed, but not the schema that Spark stored."""
        described = [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in fields]
        stored = {"org.apache.spark.sql.parquet.row.metadata": json.dumps({"type": "struct", "fields": described})}
        rows = pa.Table.from_pylist([row(f"U{len(fields)}", 1, 2, 3.5, 4)], SCHEMA.with_metadata(stored))
        return parquet_files.write(rows, store_schema=False)

    numbers = [("login_count", "long"), ("items_viewed", "integer"), ("time_spent_minutes", "string")]
    bodies = [
        stale(("user_id", "string"), ("other", "string")),  # without columns that are there
        stale(("user_id", "binary"), *numbers, ("cart_additions", "timestamp")),  # with other types
        stale(("user_id", "string"), *numbers, ("cart_additions", "short"), ("gone", "double")),
    ]
    assert read(spark, bucket, bodies) == [(f"U{number}", 1, 2, 3.5, 4) for number in (2, 5, 6)]


NAMES = [
    *("export[1]", "export*", "a?", "{a,b}", "{a}", "k\\l", "c:d", "e f", "i+j", "%41", "g%20h", "x;y,z"),
    "ü|<>^~`'\"&@=!$#",
]
NEIGHBORS = ["export1", "exports", "ab", "a", "b", "kl", "A", "g h"]


def test_a_key_is_a_literal_whatever_it_contains(spark: SparkSession, bucket: Bucket) -> None:
    arguments = put_folder(bucket, {f"{name}.parquet": parquet([row(name)]) for name in NAMES})
    for name in NEIGHBORS:  # what the names match as patterns; not checked, so not part of the extract
        bucket.put(f"{FOLDER}{name}.parquet", parquet([row(f"not checked: {name}")]))
    manifest = score(spark, arguments)
    assert manifest["rows"]["scored"] == len(NAMES)
    lines = [line for entry in manifest["files"] for line in bucket.table(f"scores/dt={DAY}/{entry['name']}")[1:]]
    assert sorted(line[0] for line in lines) == sorted(NAMES)


@pytest.mark.parametrize("name", ["c:d[1]", "e:{f}/g", "h*/i:j"])
def test_a_pattern_with_a_colon_is_refused(spark: SparkSession, bucket: Bucket, name: str) -> None:
    arguments = put_folder(bucket, {f"{name}.parquet": parquet([row("U1")]), "a:b.parquet": parquet([row("U2")])})
    message = f"{bucket.name}/{FOLDER}{name}.parquet has a colon next to brackets, braces, a star"
    with pytest.raises(SchemaError, match=re.escape(message)):
        score(spark, arguments)


def test_a_file_that_spark_ignores_is_not_lost_silently(spark: SparkSession, bucket: Bucket) -> None:
    arguments = put_folder(bucket, {"a.parquet": parquet([row("U1")]), "b.parquet._COPYING_": parquet([row("U2")])})
    with pytest.raises(SchemaError, match="Spark read 1 rows, expected the 2 of the footers"):
        score(spark, arguments)
    assert bucket.keys(f"scores/dt={DAY}/_manifest.json") == []
