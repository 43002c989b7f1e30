"""Which columns are taken and which rows can be scored."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.contract.errors import SchemaError
from engagement_jobs.scoring.formula import with_score
from engagement_jobs.scoring.validation import check_schema, has_blank_user_id, invalid_reason, is_valid
from engagement_jobs.scoring.weights import Weights
from tests.support.glue_days import SCHEMA, frame, row

WEIGHTS = Weights.default()
GOOD = "user_id string, login_count int, items_viewed int, time_spent_minutes double, cart_additions int"
NAN, INFINITE = float("nan"), float("inf")


def changed(column: str, kind: str | None) -> str:
    """GOOD with one column of another type, or without it."""
    columns = dict(part.split(" ") for part in GOOD.split(", "))
    columns[column] = kind or ""
    return ", ".join(f"{name} {type_}" for name, type_ in columns.items() if type_)


def classify(rows: DataFrame, weights: Weights = WEIGHTS) -> DataFrame:
    """What the scoring job makes of each row by itself."""
    scored = with_score(check_schema(rows, weights, "here"), weights, is_valid(weights.names))
    return scored.withColumn("reason", invalid_reason(weights.names))


def test_the_short_question_has_the_answer_of_the_long_one(spark: SparkSession) -> None:
    blank, others = ["", " ", "\t\n", "\xa0", "\u3000", "\u2028"], ["U1", "\x1c", "\x7f", "~", "!", "é", " a"]
    amounts = [0.0, -0.0, 1.5, 1e308, -1e-300, -1.0, NAN, INFINITE, -INFINITE, None]
    rows = spark.createDataFrame(
        [(user, one, other) for user in [*blank, *others, None] for one in amounts for other in amounts],
        "user_id string, one double, other double",
    )
    columns = ("user_id", has_blank_user_id(), is_valid(["one", "other"]), invalid_reason(["one", "other"]).isNull())
    found = rows.select(*columns).collect()
    assert {user for user, is_it, *_ in found if is_it} == set(blank)
    assert {user for user, is_it, *_ in found if is_it is None} == {None}
    assert all(bool(short) == long for *_, short, long in found)
    assert {user for user, *_, scored in found if scored} == set(others)


@pytest.mark.parametrize(
    ("columns", "kinds"),
    [
        (["login_count", "items_viewed", "cart_additions"], ["tinyint", "smallint", "int", "bigint"]),
        (
            ["time_spent_minutes"],
            ["float", "double", "decimal(9,2)", "decimal(38,10)", "tinyint", "smallint", "int", "bigint"],
        ),
    ],
)
def test_numbers_of_any_width(spark: SparkSession, columns: list[str], kinds: list[str]) -> None:
    for column, kind in itertools.product(columns, kinds):
        found = spark.createDataFrame([], changed(column, kind))
        assert dict(check_schema(found, WEIGHTS, "here").dtypes)[column] == kind


def test_a_metric_of_ones_own(spark: SparkSession) -> None:
    metrics = {
        "visits": {"type": "integer", "weight": 0.5, "cap": 3},
        "last": {"type": "number", "weight": 0.5, "cap": 1},
    }
    weights = Weights.parse(json.dumps({"version": "1", "metrics": metrics}).encode())
    rows = spark.sql("SELECT 'U' AS user_id, CAST(7 AS TINYINT) AS visits, 0.5D AS last, 1 AS login_count")
    assert [tuple(each) for each in classify(rows, weights).collect()] == [("U", 7, 0.5, 75.0, None)]
    with pytest.raises(SchemaError, match="column visits is double, wanted an integer"):
        check_schema(rows.withColumn("visits", rows.visits.cast("double")), weights, "here")


def test_more_columns_are_ignored_whatever_their_names(spark: SparkSession) -> None:
    more = "reason string, copy int, user string, first int, score double"
    found = check_schema(spark.createDataFrame([], f"country string, {GOOD}, {more}"), WEIGHTS, "here")
    assert found.dtypes == [tuple(part.split(" ")) for part in GOOD.split(", ")]


@pytest.mark.parametrize(
    ("column", "kind", "said"),
    [
        ("user_id", "bigint", "column user_id is bigint, wanted string"),
        ("user_id", "binary", "column user_id is binary, wanted string"),
        ("login_count", "double", "column login_count is double, wanted an integer"),
        ("items_viewed", "float", "column items_viewed is float, wanted an integer"),
        ("cart_additions", "string", "column cart_additions is string, wanted an integer"),
        ("cart_additions", "decimal(9,2)", r"column cart_additions is decimal\(9,2\), wanted an integer"),
        ("login_count", "boolean", "column login_count is boolean, wanted an integer"),
        ("time_spent_minutes", "string", "is string, wanted a floating, decimal or integer number"),
        ("time_spent_minutes", "timestamp", "is timestamp, wanted a floating, decimal or integer number"),
        ("user_id", None, "column user_id is missing, wanted string"),
        ("items_viewed", None, "column items_viewed is missing, wanted an integer"),
    ],
)
def test_another_schema_is_refused(spark: SparkSession, column: str, kind: str | None, said: str) -> None:
    found = spark.createDataFrame([], changed(column, kind))
    with pytest.raises(SchemaError, match=said) as refused:
        check_schema(found, WEIGHTS, "s3://bucket/key")
    assert str(refused.value).startswith("s3://bucket/key: ")
    assert f"Found: {', '.join(found.columns)}." in str(refused.value)


def test_all_that_is_wrong_with_a_schema_is_told_at_once(spark: SparkSession) -> None:
    found = spark.createDataFrame([], "USER_ID string, login_count double")
    with pytest.raises(SchemaError) as refused:
        check_schema(found, WEIGHTS, "here")
    for column in ("user_id", "items_viewed", "time_spent_minutes", "cart_additions"):
        assert f"column {column} is missing" in str(refused.value)
    assert "column login_count is double" in str(refused.value)


def test_every_reason(spark: SparkSession, tmp_path: Path) -> None:
    table: list[tuple[tuple[Any, ...], str | None]] = [
        (("good", 1, 2, 3.0, 4), None),
        (("zero", 0, 0, 0.0, 0), None),
        (("minus zero", 0, 0, -0.0, 0), None),
        ((None, 1, 2, 3.0, 4), "user_id_null"),
        ((None, 1, 2, 3.0, 4), "user_id_null"),  # not a copy of the one before
        (("", 1, 2, 3.0, 4), "user_id_blank"),
        (("", 9, 2, 3.0, 4), "user_id_blank"),
        ((" \t\n", 1, 2, 3.0, 4), "user_id_blank"),
        (("\u00a0\u3000", 1, 2, 3.0, 4), "user_id_blank"),
        (("l null", None, 2, 3.0, 4), "login_count_null"),
        (("i null", 1, None, 3.0, 4), "items_viewed_null"),
        (("t null", 1, 2, None, 4), "time_spent_minutes_null"),
        (("c null", 1, 2, 3.0, None), "cart_additions_null"),
        (("t nan", 1, 2, NAN, 4), "time_spent_minutes_nan"),
        (("t inf", 1, 2, INFINITE, 4), "time_spent_minutes_infinite"),
        (("t -inf", 1, 2, -INFINITE, 4), "time_spent_minutes_infinite"),
        (("l neg", -1, 2, 3.0, 4), "login_count_negative"),
        (("i neg", 1, -1, 3.0, 4), "items_viewed_negative"),
        (("t neg", 1, 2, -0.01, 4), "time_spent_minutes_negative"),
        (("c neg", 1, 2, 3.0, -1), "cart_additions_negative"),
        (("two wrong", None, -1, NAN, 4), "login_count_null"),
        ((None, None, -1, NAN, 4), "user_id_null"),
    ]
    classified = classify(frame(spark, tmp_path, [row(*values) for values, _ in table], SCHEMA))
    found = classified.select("user_id", "reason", F.col("score").isNotNull()).collect()
    assert list(map(tuple, found)) == [(values[0], why, why is None) for values, why in table]


def test_wide_numbers_are_judged_as_they_are(spark: SparkSession) -> None:
    wide = spark.sql(
        "SELECT 'U' AS user_id, 1 AS login_count, 9223372036854775807 AS items_viewed, "
        "CAST('9999999999999999999999999999.5' AS DECIMAL(38,10)) AS time_spent_minutes, 1 AS cart_additions "
        "UNION ALL SELECT 'V', 1, -9223372036854775808, CAST('-0.0000000001' AS DECIMAL(38,10)), 1"
    )
    found = classify(wide).select("user_id", "reason").collect()
    assert sorted(map(tuple, found)) == [("U", None), ("V", "items_viewed_negative")]
