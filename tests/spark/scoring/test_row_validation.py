"""Which rows are invalid, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.scoring.formula import with_score
from engagement_jobs.scoring.row_validation import has_blank_user_id, invalid_reason, is_valid
from engagement_jobs.scoring.weights import Weights
from tests.support.glue_days import SCHEMA, frame, row

WEIGHTS = Weights.default()
NAN, INFINITE = float("nan"), float("inf")


def classify(rows: DataFrame, weights: Weights = WEIGHTS) -> DataFrame:
    """Add `score` and `reason` as the scoring job does for each row by itself."""
    scored = with_score(rows.select(*weights.columns), weights, is_valid(weights.metric_names))
    return scored.withColumn("reason", invalid_reason(weights.metric_names))


def test_a_row_is_valid_exactly_if_it_has_no_reason(spark: SparkSession) -> None:
    blank = ["", " ", "\t\n", "\xa0", "\u3000", "\u2028"]
    visible = ["U1", "\x1c", "\x7f", "~", "!", "é", " a"]
    amounts = [0.0, -0.0, 1.5, 1e308, -1e-300, -1.0, NAN, INFINITE, -INFINITE, None]
    rows = spark.createDataFrame(
        [(user, one, other) for user in [*blank, *visible, None] for one in amounts for other in amounts],
        "user_id string, one double, other double",
    )
    columns = ("user_id", has_blank_user_id(), is_valid(["one", "other"]), invalid_reason(["one", "other"]).isNull())
    checked = rows.select(*columns).collect()
    assert {user for user, is_blank, *_ in checked if is_blank} == set(blank)
    assert {user for user, is_blank, *_ in checked if is_blank is None} == {None}
    assert all(bool(valid) == has_no_reason for *_, valid, has_no_reason in checked)
    assert {user for user, *_, has_no_reason in checked if has_no_reason} == set(visible)


def test_a_metric_of_a_custom_weights_document_is_scored(spark: SparkSession) -> None:
    metrics = {
        "visits": {"type": "integer", "weight": 0.5, "cap": 3},
        "last": {"type": "number", "weight": 0.5, "cap": 1},
    }
    weights = Weights.parse(json.dumps({"version": "1", "metrics": metrics}).encode())
    rows = spark.sql("SELECT 'U' AS user_id, CAST(7 AS TINYINT) AS visits, 0.5D AS last, 1 AS login_count")
    assert [tuple(each) for each in classify(rows, weights).collect()] == [("U", 7, 0.5, 75.0, None)]


def test_every_reason_is_found(spark: SparkSession, tmp_path: Path) -> None:
    cases: list[tuple[tuple[Any, ...], str | None]] = [
        (("good", 1, 2, 3.0, 4), None),
        (("zero", 0, 0, 0.0, 0), None),
        (("minus zero", 0, 0, -0.0, 0), None),
        ((None, 1, 2, 3.0, 4), "user_id_null"),
        ((None, 1, 2, 3.0, 4), "user_id_null"),  # not a duplicate of the row before
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
    classified = classify(frame(spark, tmp_path, [row(*values) for values, _ in cases], SCHEMA))
    results = classified.select("user_id", "reason", F.col("score").isNotNull()).collect()
    assert list(map(tuple, results)) == [(values[0], reason, reason is None) for values, reason in cases]


def test_wide_numbers_are_validated_without_overflow(spark: SparkSession) -> None:
    wide = spark.sql(
        "SELECT 'U' AS user_id, 1 AS login_count, 9223372036854775807 AS items_viewed, "
        "CAST('9999999999999999999999999999.5' AS DECIMAL(38,10)) AS time_spent_minutes, 1 AS cart_additions "
        "UNION ALL SELECT 'V', 1, -9223372036854775808, CAST('-0.0000000001' AS DECIMAL(38,10)), 1"
    )
    results = classify(wide).select("user_id", "reason").collect()
    assert sorted(map(tuple, results)) == [("U", None), ("V", "items_viewed_negative")]
