"""The needed columns of a file, from its footer alone: their types, and why a file is refused."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql.types import DataType, DecimalType, DoubleType, FloatType, IntegerType, LongType, StringType

from engagement_jobs.contract.errors import SchemaError
from engagement_jobs.scoring.extract.columns import UNTYPED, column_types, common_type
from engagement_jobs.scoring.extract.footers import ExtractFile
from engagement_jobs.scoring.weights import Weights

WEIGHTS = Weights.default()
URI = "s3://bucket/activity.parquet"
COLUMNS: dict[str, pa.DataType] = {
    "user_id": pa.string(),
    "login_count": pa.int32(),
    "items_viewed": pa.int64(),
    "time_spent_minutes": pa.float64(),
    "cart_additions": pa.int16(),
}
INTEGERS = [
    *((pa.int8(), IntegerType()), (pa.int16(), IntegerType()), (pa.int32(), IntegerType()), (pa.int64(), LongType())),
    *((pa.uint8(), IntegerType()), (pa.uint16(), IntegerType()), (pa.uint32(), LongType())),
    (pa.uint64(), DecimalType(20, 0)),
    *((pa.decimal128(precision, 0), DecimalType(precision, 0)) for precision in (1, 9, 18, 19, 38)),
    (pa.null(), UNTYPED),
]
FRACTIONS = [
    *((pa.float32(), FloatType()), (pa.float64(), DoubleType())),
    *((pa.decimal128(9, 2), DecimalType(9, 2)), (pa.decimal128(38, 10), DecimalType(38, 10))),
]


def footer(columns: Mapping[str, pa.DataType] | list[tuple[str, pa.DataType]], **options: Any) -> ExtractFile:
    """Return a file with these columns and one row of nulls."""
    named = list(columns.items()) if isinstance(columns, Mapping) else columns
    table = pa.Table.from_arrays([pa.nulls(1, kind) for _, kind in named], names=[name for name, _ in named])
    body = io.BytesIO()
    pq.write_table(table, body, **options)
    return of_file(body.getvalue())


def of_file(body: bytes) -> ExtractFile:
    return ExtractFile("activity.parquet", URI, len(body), pq.read_metadata(io.BytesIO(body)), b"")


def types_of(file: ExtractFile, spark_version: str = "3.5.6") -> dict[str, DataType]:
    return dict(zip(WEIGHTS.columns, column_types(file, WEIGHTS, spark_version), strict=True))


def refusal(file: ExtractFile, spark_version: str = "3.5.6") -> str:
    with pytest.raises(SchemaError) as error:
        column_types(file, WEIGHTS, spark_version)
    text = str(error.value)
    assert text.startswith(f"{URI}: column ")
    assert text.endswith(". Have the extract written with the expected types, then clear check_activity.")
    assert text.isprintable()  # one line, without invisible characters
    return text


@pytest.mark.parametrize(("kind", "expected"), INTEGERS, ids=str)
@pytest.mark.parametrize("options", [{}, {"store_decimal_as_integer": True}, {"version": "1.0"}], ids=str)
def test_integers_of_any_width_are_read(kind: pa.DataType, expected: DataType, options: dict[str, Any]) -> None:
    names = ("login_count", "items_viewed", "cart_additions", "time_spent_minutes")
    types = types_of(footer({"user_id": pa.string(), **dict.fromkeys(names, kind)}, **options))
    if options.get("version") == "1.0" and kind == pa.uint32():
        expected = LongType()  # written as a signed integer of 64 bits
    assert types == {"user_id": StringType(), **dict.fromkeys(names, expected)}


@pytest.mark.parametrize(("kind", "expected"), FRACTIONS, ids=str)
def test_a_number_may_have_a_fraction_but_not_a_count(kind: pa.DataType, expected: DataType) -> None:
    assert types_of(footer(COLUMNS | {"time_spent_minutes": kind}))["time_spent_minutes"] == expected
    shown = str(kind).replace("decimal128", "decimal").replace(", ", ",")
    assert f"column login_count is {shown}, expected an integer." in refusal(footer(COLUMNS | {"login_count": kind}))


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
def test_user_ids_are_text_in_any_form(kind: pa.DataType) -> None:
    assert types_of(footer(COLUMNS | {"user_id": kind}))["user_id"] == StringType()


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        (pa.timestamp("ns"), "timestamp (nanoseconds)"),
        (pa.timestamp("us", "UTC"), "timestamp (microseconds)"),
        (pa.time32("ms"), "time (milliseconds)"),
        (pa.time64("ns"), "time (nanoseconds)"),
        (pa.date32(), "date"),
        (pa.duration("ns"), "duration"),
        (pa.duration("s"), "duration"),
        (pa.float16(), "FLOAT16"),
        (pa.bool_(), "boolean"),
        (pa.string(), "string"),
        (pa.binary(), "binary"),
        (pa.binary(4), "binary"),
        (pa.uuid(), "UUID"),
        (pa.decimal256(39, 0), "decimal(39,0)"),
        (pa.list_(pa.int32()), "nested ({}.list.element)"),
        (pa.struct([("a", pa.int32()), ("b", pa.int8())]), "nested ({0}.a, {0}.b)"),
    ],
    ids=str,
)
def test_what_only_looks_like_a_number_is_refused(kind: pa.DataType, shown: str) -> None:
    for name, expected in (
        ("login_count", "an integer"),
        ("time_spent_minutes", "a floating, decimal or integer number"),
    ):
        text = refusal(footer(COLUMNS | {name: kind}))
        assert f"{URI}: column {name} is {shown.format(name)}, expected {expected}. Its columns" in text


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        (pa.int64(), "int64"),
        (pa.binary(), "binary"),
        (pa.uuid(), "UUID"),
        (pa.uint64(), "uint64"),
        (pa.date32(), "date"),
    ],
    ids=str,
)
def test_a_user_id_that_is_no_text_is_refused(kind: pa.DataType, shown: str) -> None:
    text = refusal(footer(COLUMNS | {"user_id": kind}))
    assert f"column user_id is {shown}, expected string" in text.replace("is int64", f"is {shown}", 1)


def test_an_old_timestamp_is_refused() -> None:
    file = footer(COLUMNS | {"items_viewed": pa.timestamp("ns")}, use_deprecated_int96_timestamps=True)
    assert "column items_viewed is INT96 (timestamp), expected an integer" in refusal(file)


def test_a_repeated_column_is_not_a_number() -> None:
    # The oldest form of a list: a repeated column without a group around it.
    file = footer(COLUMNS)
    text = refusal(_with_repetition(file))
    assert "column cart_additions is list<int16>, expected an integer" in text


def _with_repetition(file: ExtractFile) -> ExtractFile:
    body = io.BytesIO()
    file.metadata.write_metadata_file(body)
    # repetition_type is field 3 of a schema element: OPTIONAL (2 in zigzag) becomes REPEATED (4), for the last column.
    data = body.getvalue()
    at = data.index(b"\x25\x02\x18\x0ecart_additions")
    return of_file(data[:at] + b"\x25\x04" + data[at + 2 :])


@pytest.mark.parametrize(
    "name", ["\ufeffuser_id", "user_id\u00a0", "user_id ", " user_id", "USER_ID", "User-Id", "userId", "user\u200b_id"]
)
def test_a_name_that_is_almost_right_is_shown(name: str) -> None:
    columns = [(name, pa.string()), *list(COLUMNS.items())[1:]]
    assert f"column user_id is missing, expected string (the file has {name!r})" in refusal(footer(columns))


def test_all_faults_are_reported_at_once() -> None:
    text = refusal(footer({"Login_Count": pa.int32(), "items_viewed": pa.float64(), "other": pa.int8()}))
    assert "column user_id is missing, expected string;" in text
    assert "column login_count is missing, expected an integer (the file has 'Login_Count');" in text
    assert "column items_viewed is double, expected an integer;" in text
    assert "column time_spent_minutes is missing, expected a floating, decimal or integer number;" in text
    assert (
        "column cart_additions is missing, expected an integer. Its columns are: Login_Count, items_viewed, other."
        in text
    )


def test_a_long_list_of_columns_is_cut() -> None:
    text = refusal(footer([(f"column {number}\n", pa.int8()) for number in range(900)]))
    assert "Its columns are: 'column 0\\n', 'column 1\\n', " in text
    assert len(text) < 1200


@pytest.mark.parametrize("name", list(COLUMNS))
def test_a_needed_column_that_is_there_twice_is_refused(name: str) -> None:
    text = refusal(footer([*COLUMNS.items(), (name, pa.int32())]))
    assert f"{URI}: column {name} occurs more than once, expected once. Its columns" in text


def test_a_long_list_of_faults_is_cut() -> None:
    text = refusal(footer([*COLUMNS.items(), *((f"more_{number // 2}", pa.int8()) for number in range(400))]))
    assert text.count("occurs more than once") == 10
    assert "; and 190 more. Its columns" in text


@pytest.mark.parametrize("kind", [pa.int32(), pa.string(), pa.struct([("a", pa.int8())])], ids=str)
def test_a_twin_of_a_needed_column_is_refused(kind: pa.DataType) -> None:
    text = refusal(footer([*COLUMNS.items(), ("Login_Count", kind)]))
    assert "column Login_Count differs from column login_count only in case, expected only login_count" in text


def test_another_column_that_is_there_twice_is_refused() -> None:
    text = refusal(footer([("more", pa.string()), *COLUMNS.items(), ("more", pa.int8())]))
    assert f"{URI}: column more occurs more than once, expected once. Its columns" in text


@pytest.mark.parametrize("name", ["user_id.old", "a.b", "", "Country", "user id", "\ufeff", "`x`", "🛒"])
def test_other_columns_may_have_any_name(name: str) -> None:
    columns = [(name, pa.int8()), *COLUMNS.items(), ("country", pa.string())]
    assert types_of(footer(columns)) == types_of(footer(COLUMNS))


@pytest.mark.parametrize("kind", [pa.float16(), pa.list_(pa.float16()), pa.struct([("a", pa.float16())])], ids=str)
def test_a_type_that_only_spark_4_can_skip_is_refused(kind: pa.DataType) -> None:
    file = footer(COLUMNS | {"half": kind})
    assert types_of(file, "4.1.1") == types_of(footer(COLUMNS))
    assert "has type FLOAT16, which Spark 3 cannot even skip, expected another type or no column" in refusal(file)


def test_a_variant_is_refused_by_spark_3(tmp_path: Any) -> None:
    path = tmp_path / "variant.parquet"
    columns = (
        "'U' AS user_id, 1 AS login_count, 1 AS items_viewed, 1.0::DOUBLE AS time_spent_minutes, 1 AS cart_additions"
    )
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT {columns}, 1::VARIANT AS \"any (thing)\") TO '{path}' (FORMAT parquet)")
    file = of_file(path.read_bytes())
    assert types_of(file, "4.1.1")["login_count"] == IntegerType()
    assert "column any (thing) has type VARIANT, which Spark 3 cannot even skip" in refusal(file)


@pytest.mark.parametrize("stored", [b"", b"not base64!", b"AAAA", b"/////wAAAAA="])
def test_a_damaged_arrow_schema_is_ignored(stored: bytes) -> None:
    body = io.BytesIO()
    table = pa.table({name: pa.nulls(1, kind) for name, kind in COLUMNS.items()})
    pq.write_table(table.replace_schema_metadata({"ARROW:schema": stored}), body, store_schema=False)
    assert types_of(of_file(body.getvalue())) == types_of(footer(COLUMNS))


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ([IntegerType()], IntegerType()),
        ([IntegerType(), UNTYPED], IntegerType()),
        ([IntegerType(), LongType()], LongType()),
        ([IntegerType(), DecimalType(20, 0)], DecimalType(38, 0)),
        ([DecimalType(9, 0), DecimalType(38, 0)], DecimalType(38, 0)),
        ([DecimalType(9, 2), DecimalType(9, 3)], DoubleType()),
        ([DecimalType(9, 2), LongType()], DoubleType()),
        ([FloatType(), DoubleType()], DoubleType()),
        ([FloatType(), IntegerType()], DoubleType()),
        ([UNTYPED], LongType()),
    ],
    ids=str,
)
def test_files_are_united_without_loss_of_integers(types: list[DataType], expected: DataType) -> None:
    assert common_type("time_spent_minutes", types) == common_type("time_spent_minutes", types[::-1]) == expected
    assert common_type("user_id", [UNTYPED, StringType()]) == common_type("user_id", [UNTYPED]) == StringType()
