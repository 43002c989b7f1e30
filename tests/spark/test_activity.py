"""Which columns are taken and which rows can be scored."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from engagement_jobs import several
from engagement_jobs.activity import SchemaError, can_be_scored, check_schema, reason, verdict, verdict_alone
from engagement_jobs.fingerprints import with_fingerprint
from engagement_jobs.scoring import with_score
from engagement_jobs.several import look
from engagement_jobs.weights import Weights
from tests.support.glue_days import SCHEMA, frame, row

WEIGHTS = Weights.default()
GOOD = "user_id string, login_count int, items_viewed int, time_spent_minutes double, cart_additions int"
NAN, INFINITE = float("nan"), float("inf")


def changed(column: str, kind: str | None) -> str:
    """GOOD with one column of another type, or without it."""
    columns = dict(part.split(" ") for part in GOOD.split(", "))
    columns[column] = kind or ""
    return ", ".join(f"{name} {type_}" for name, type_ in columns.items() if type_)


def verdicts(spark: SparkSession, folder: Path, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """(user_id, reason, copy) of each row, in order of these."""
    judged = judge(frame(spark, folder, [row(*values) for values in rows], SCHEMA)).select("user_id", "reason", "copy")
    return sorted(map(tuple, judged.collect()), key=str)


def judge(rows: DataFrame, weights: Weights = WEIGHTS) -> DataFrame:
    """The verdicts of job 1."""
    names = weights.names
    marked = with_fingerprint(with_score(check_schema(rows, weights, "here"), weights, can_be_scored(names)))
    _, found = look(marked, 0)
    return verdict(marked, names, found) if found.number else verdict_alone(marked, names)


def test_the_short_question_has_the_answer_of_the_long_one(spark: SparkSession) -> None:
    ids = ["U1", "", " ", "\u3000", "\x1c", "\x7f", "~", "!", "\xa0", "ä", " a", None]
    amounts = [0.0, -0.0, 1.5, 1e308, -1e-300, -1.0, float("nan"), float("inf"), float("-inf"), None]
    rows = spark.createDataFrame(
        [(user, one, other) for user in ids for one in amounts for other in amounts],
        "user_id string, one double, other double",
    )
    short, long = can_be_scored(["one", "other"]), reason(["one", "other"]).isNull()
    assert rows.where(short).count() == rows.where(long).count() == rows.where(short & long).count() > 0


@pytest.mark.parametrize("column", ["login_count", "items_viewed", "cart_additions"])
@pytest.mark.parametrize("kind", ["tinyint", "smallint", "int", "bigint"])
def test_integers_of_any_width(spark: SparkSession, column: str, kind: str) -> None:
    found = spark.createDataFrame([], changed(column, kind))
    assert check_schema(found, WEIGHTS, "here").columns == found.columns


@pytest.mark.parametrize("kind", ["float", "double", "decimal(9,2)", "decimal(38,10)", "smallint", "int", "bigint"])
def test_minutes_of_any_kind(spark: SparkSession, kind: str) -> None:
    found = spark.createDataFrame([], changed("time_spent_minutes", kind))
    assert check_schema(found, WEIGHTS, "here").dtypes[3] == ("time_spent_minutes", kind)


def test_a_metric_of_ones_own(spark: SparkSession) -> None:
    metrics = {
        "visits": {"type": "integer", "weight": 0.5, "cap": 3},
        "last": {"type": "number", "weight": 0.5, "cap": 1},
    }
    weights = Weights.parse(json.dumps({"version": "1", "metrics": metrics}).encode())
    rows = spark.sql("SELECT 'U' AS user_id, CAST(7 AS TINYINT) AS visits, 0.5D AS last, 1 AS login_count")
    judged = judge(rows, weights)
    assert [tuple(each) for each in judged.collect()] == [("U", 7, 0.5, 75.0, None, 1)]
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
    rows = [
        ("good", 1, 2, 3.0, 4),
        ("zero", 0, 0, 0.0, 0),
        ("minus zero", 0, 0, -0.0, 0),
        (None, 1, 2, 3.0, 4),
        (None, 1, 2, 3.0, 4),
        ("", 1, 2, 3.0, 4),
        ("", 9, 2, 3.0, 4),
        (" \t\n", 1, 2, 3.0, 4),
        ("\u00a0\u3000", 1, 2, 3.0, 4),
        ("l null", None, 2, 3.0, 4),
        ("i null", 1, None, 3.0, 4),
        ("t null", 1, 2, None, 4),
        ("c null", 1, 2, 3.0, None),
        ("t nan", 1, 2, NAN, 4),
        ("t inf", 1, 2, INFINITE, 4),
        ("t -inf", 1, 2, -INFINITE, 4),
        ("l neg", -1, 2, 3.0, 4),
        ("i neg", 1, -1, 3.0, 4),
        ("t neg", 1, 2, -0.01, 4),
        ("c neg", 1, 2, 3.0, -1),
        ("two wrong", None, -1, NAN, 4),
    ]
    found = verdicts(spark, tmp_path, rows)
    assert [(user, reason) for user, reason, _ in found if user and not user.isspace()] == sorted(
        [
            ("c neg", "cart_additions_negative"),
            ("c null", "cart_additions_null"),
            ("good", None),
            ("i neg", "items_viewed_negative"),
            ("i null", "items_viewed_null"),
            ("l neg", "login_count_negative"),
            ("l null", "login_count_null"),
            ("minus zero", None),
            ("t -inf", "time_spent_minutes_infinite"),
            ("t inf", "time_spent_minutes_infinite"),
            ("t nan", "time_spent_minutes_nan"),
            ("t neg", "time_spent_minutes_negative"),
            ("t null", "time_spent_minutes_null"),
            ("two wrong", "login_count_null"),
            ("zero", None),
        ],
        key=str,
    )
    # Rows without an id are not copies of each other: each is rejected on its own.
    assert Counter(reason for user, reason, _ in found if not user or user.isspace()) == {
        "user_id_null": 2,
        "user_id_blank": 4,
    }
    assert {copy for *_, copy in found} == {1}


@pytest.mark.parametrize("most", [1_000_000, 2])
def test_duplicates(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(several, "_MOST", most)  # above it, all rows meet those of their user
    rows = [
        ("twice", 1, 2, 3.0, 4),
        ("twice", 1, 2, 3.0, 4),
        ("thrice", 1, 2, 3.0, 4),
        ("thrice", 1, 2, 3.0, 4),
        ("thrice", 1, 2, 3.0, 4),
        ("differs", 1, 2, 3.0, 4),
        ("differs", 1, 2, 3.0, 4),
        ("differs", 1, 2, 3.0, 5),
        ("half null", 1, 2, 3.0, 4),
        ("half null", 1, 2, None, 4),
        ("both nan", 1, 2, NAN, 4),
        ("both nan", 1, 2, NAN, 4),
        ("Case", 1, 2, 3.0, 4),
        ("case", 9, 2, 3.0, 4),
        ("case ", 8, 2, 3.0, 4),
    ]
    assert verdicts(spark, tmp_path, rows) == sorted(
        [
            ("Case", None, 1),
            ("both nan", "time_spent_minutes_nan", 1),
            ("both nan", "time_spent_minutes_nan", 2),
            ("case ", None, 1),
            ("case", None, 1),
            ("differs", "conflicting_rows", 1),
            ("differs", "conflicting_rows", 2),
            ("differs", "conflicting_rows", 3),
            ("half null", "conflicting_rows", 2),
            ("half null", "time_spent_minutes_null", 1),
            ("thrice", None, 1),
            ("thrice", None, 2),
            ("thrice", None, 3),
            ("twice", None, 1),
            ("twice", None, 2),
        ],
        key=str,
    )


def test_copies_that_differ_in_other_columns_alone_are_identical(spark: SparkSession) -> None:
    rows = spark.sql("SELECT 'U' AS user_id, 1 AS login_count, 2 AS items_viewed, 3.5D AS time_spent_minutes, "
                      "4 AS cart_additions, id AS more FROM range(2)")  # fmt: skip
    judged = judge(rows).select("reason", "copy")
    assert sorted(map(tuple, judged.collect()), key=str) == [(None, 1), (None, 2)]


def test_wide_numbers_are_judged_as_they_are(spark: SparkSession) -> None:
    wide = spark.sql(
        "SELECT 'U' AS user_id, 1 AS login_count, 9223372036854775807 AS items_viewed, "
        "CAST('9999999999999999999999999999.5' AS DECIMAL(38,10)) AS time_spent_minutes, 1 AS cart_additions "
        "UNION ALL SELECT 'V', 1, -9223372036854775808, CAST('-0.0000000001' AS DECIMAL(38,10)), 1"
    )
    judged = judge(wide).select("user_id", "reason")
    assert sorted(map(tuple, judged.collect())) == [("U", None), ("V", "items_viewed_negative")]
