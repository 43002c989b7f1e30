"""Scores compared with two independent implementations: exact fractions, and integers in DuckDB."""

from __future__ import annotations

import json
import math
import random
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.scoring.formula import BINS, score_bin, score_text, with_score
from engagement_jobs.scoring.weights import Weights
from tests.support.glue_days import SCHEMA, row

SHARES = {
    "login_count": (Fraction("0.20"), 10),
    "items_viewed": (Fraction("0.25"), 100),
    "time_spent_minutes": (Fraction("0.25"), 120),
    "cart_additions": (Fraction("0.30"), 8),
}
# The same in integers: n is 12e8 times the score, for which the minutes are integers too, then rounded to 1e8 times.
DUCKDB = """
WITH twelvefold AS (
    SELECT user_id, 12 * (200000000 * least(login_count, 10)::HUGEINT + 25000000 * least(items_viewed, 100)::HUGEINT
                        + 375000000 * least(cart_additions, 8)::HUGEINT)
                  + 2500000 * least(round(time_spent_minutes * 100)::HUGEINT, 12000) AS n
    FROM read_parquet(?)
), eighths AS (SELECT user_id, (2 * n + 12) // 24 AS n FROM twelvefold)
SELECT user_id, (2 * n + 1000000) // 2000000 AS cents FROM eighths
"""


def half_up(value: Fraction, places: int) -> Fraction:
    shifted = value * 10**places
    return Fraction((2 * shifted.numerator + shifted.denominator) // (2 * shifted.denominator), 10**places)


def exact_score(activity: dict[str, Any]) -> str:
    """Return the score as exact fractions give it."""
    total = Fraction(0)
    for metric, (weight, cap) in SHARES.items():
        total += weight * min(Fraction(str(activity[metric])) / cap, Fraction(1))
    cents = half_up(half_up(100 * total, 8), 2) * 100
    return f"{int(cents) // 100}.{int(cents) % 100:02}"


def naive_score(activity: dict[str, Any]) -> str:
    """Return the score as plain doubles give it."""
    total = 100 * sum(float(weight) * min(activity[name] / cap, 1) for name, (weight, cap) in SHARES.items())
    return str(Decimal(total).quantize(Decimal("0.01"), ROUND_HALF_UP))


@pytest.fixture(scope="module")
def activity() -> list[dict[str, Any]]:
    draw = random.Random(20261123)  # noqa: S311 - the same rows every time
    rows = [
        row(
            f"R{number}",
            draw.choice((0, 1, 3, 9, 10, 11, 2**31 - 1)),
            draw.choice((0, draw.randrange(130), 2**40)),
            draw.choice((0.0, draw.randrange(15_000) / 100, 0.24 * draw.randrange(500) + 0.12)),
            draw.randrange(12),
        )
        for number in range(20_000)
    ]
    for each in rows:
        each["time_spent_minutes"] = round(each["time_spent_minutes"], 2)
    return rows


@pytest.fixture(scope="module")
def scored(spark: SparkSession, emulators: Any, activity: list[dict[str, Any]]) -> tuple[Path, dict[str, str]]:
    folder = Path(emulators.root) / "scoring-test"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(activity, SCHEMA), folder / "a.parquet")
    frame = with_score(spark.read.parquet((folder / "a.parquet").as_uri()), Weights.default())
    scores: dict[str, str] = dict(frame.select("user_id", score_text()).collect())
    return folder / "a.parquet", scores


def test_scores_are_exact(activity: list[dict[str, Any]], scored: tuple[Path, dict[str, str]]) -> None:
    expected = {each["user_id"]: exact_score(each) for each in activity}
    # The test can fail: plain doubles are 0.01 off for some of these rows.
    assert sum(naive_score(each) != expected[each["user_id"]] for each in activity) > 20
    assert scored[1] == expected


def test_scores_agree_with_duckdb(scored: tuple[Path, dict[str, str]]) -> None:
    path, scores = scored
    with duckdb.connect() as connection:
        expected = dict(connection.execute(DUCKDB, [str(path)]).fetchall())
    assert {user: int(text.replace(".", "")) for user, text in scores.items()} == expected
    assert len(expected) == 20_000


def test_rounding_is_that_of_the_shortest_decimal(spark: SparkSession) -> None:
    draw = random.Random(20261126)  # noqa: S311 - the same numbers every time
    decimals = [Fraction(draw.randrange(10**10), 10**8) for _ in range(5_000)]
    # Ties at the ninth decimal that decide the second one: y.yy4999995, and neighbors that doubles just distinguish.
    ties = [Fraction(draw.randrange(10_000), 100) + Fraction("0.004999995") for _ in range(5_000)]
    near = [tie + draw.choice((-1, 1)) * Fraction(1, 10**13) for tie in ties]
    values = [float(each) for each in (*decimals, *ties, *near)]
    cap = 100.0
    metrics = {"value": {"type": "number", "weight": 1, "cap": cap}}
    weights = Weights.parse(json.dumps({"version": "1", "metrics": metrics}).encode())
    frame = with_score(spark.createDataFrame([(value,) for value in values], "value double"), weights)
    texts = [row[0] for row in frame.select(score_text()).collect()]
    exact = [Decimal(repr(100.0 * (value / cap))) for value in values]
    rounded = [each.quantize(Decimal("1e-8"), ROUND_HALF_UP) for each in exact]
    assert texts == [str(each.quantize(Decimal("0.01"), ROUND_HALF_UP)) for each in rounded]
    # The test can fail: integer arithmetic alone is 0.01 off for some of these values.
    assert any(
        math.floor((math.floor(float(each) * 1e8 + 0.5) + 500_000) / 1e6) / 100 != float(text)
        for each, text in zip(exact, texts, strict=True)
    )


def test_scores_are_formatted_and_assigned_to_bins(spark: SparkSession) -> None:
    scores = (0, 0.01, 4.99, 5, 9.5, 10, 34.99, 35, 50.1, 73.25, 94.99, 95, 99.99, 100)
    values = F.array(*(F.lit(float(score)) for score in scores), F.lit(None).cast("double"))
    rows = spark.range(1).select(F.explode(values).alias("score"))
    results = rows.select(score_text(), score_bin()).collect()
    assert [tuple(each) for each in results] == [
        ("0.00", 0),
        ("0.01", 0),
        ("4.99", 0),
        ("5.00", 1),
        ("9.50", 1),
        ("10.00", 2),
        ("34.99", 6),
        ("35.00", 7),
        ("50.10", 10),
        ("73.25", 14),
        ("94.99", 18),
        ("95.00", 19),
        ("99.99", 19),
        ("100.00", BINS - 1),
        (None, None),
    ]


def test_a_row_with_a_null_metric_has_no_score(spark: SparkSession) -> None:
    columns = ("login_count", "items_viewed", "time_spent_minutes", "cart_additions")
    for missing in columns:
        frame = spark.range(1).select(*(F.lit(None if name == missing else 3).alias(name) for name in columns))
        frame = frame.select(*(F.col(name).cast("double") for name in columns))
        assert with_score(frame, Weights.default()).select("score").collect()[0][0] is None


def test_other_weights_give_other_scores(spark: SparkSession) -> None:
    metrics = {name: {"type": "integer", "weight": 0, "cap": 1} for name in SHARES}
    metrics["items_viewed"] |= {"weight": 1, "cap": 3}
    weights = Weights.parse(json.dumps({"version": "2", "metrics": metrics}).encode())
    columns = (F.lit(10).alias(name) if name != "items_viewed" else F.col("id").alias(name) for name in SHARES)
    frame = with_score(spark.range(5).select(*columns), weights)
    assert [each[0] for each in frame.select(score_text()).collect()] == ["0.00", "33.33", "66.67", "100.00", "100.00"]
