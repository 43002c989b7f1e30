"""The score: `100 * sum(weight * min(metric / cap, 1))`, as text with exactly two decimals.

Rounded half up to 8 decimals and then to 2: in plain doubles 0.125 * 58 may be 7.249999..., a cent below the true half.
"""

from __future__ import annotations

from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.contract.csv_columns import SCORES_COLUMNS
from engagement_jobs.scoring.weights import Weights

BINS = 20
_EXACT = "_exact_score"
_ENOUGH = 1e-4
"""Distance from a half, in 1e-8, at which doubles up to 100 are fine enough to tell up from down: they err by 2e-6."""


def with_score(activity: DataFrame, weights: Weights, where: Column | None = None) -> DataFrame:
    """`activity` with `score`: double, 0.00 to 100.00, two decimals; null where not `where`."""
    shares = (F.lit(each.weight) * _capped(F.col(each.metric).cast("double") / each.cap) for each in weights.metrics)
    # A column of its own, for Spark would work it out anew wherever an expression repeats it.
    exact = activity.withColumn(_EXACT, F.lit(100.0) * reduce(add, shares))
    score = _rounded(F.col(_EXACT))
    return exact.withColumn("score", score if where is None else F.when(where, score)).drop(_EXACT)


def _rounded(exact: Column) -> Column:
    """Half up to 8 decimals and then to 2, as `F.round` does it, which writes each double as text and reads it again.
    In whole numbers it is the same, and takes a fraction of the time, wherever a double is far enough from a half."""
    parts = exact * 1e8
    from_half = F.abs(parts - F.floor(parts) - 0.5)
    cents = F.floor((F.floor(parts + 0.5) + 500_000) / 1_000_000)
    return F.when(from_half.between(_ENOUGH, 0.5), cents / 100).otherwise(F.round(F.round(exact, 8), 2))


def _capped(share: Column) -> Column:
    # Not `least`, which leaves nulls out: a missing metric would count as a full one.
    return F.when(share > 1, F.lit(1.0)).otherwise(share)


def score_text(score: str = "score") -> Column:
    """A score as the CSV and the CRM have it: `73.25`."""
    cents = F.floor(F.col(score) * 100 + 0.5).cast("int")
    units, rest = F.floor(cents / 100).cast("string"), cents % 100
    return F.concat(units, F.when(rest < 10, ".0").otherwise("."), rest.cast("string"))


def score_bin(score: str = "score") -> Column:
    """Which of the 20 bins of 5 points a score falls into; 100.00 falls into the last."""
    return F.when(F.col(score) == 100, BINS - 1).otherwise(F.floor(F.col(score) / (100 / BINS))).cast("int")


def to_csv_columns(scored: DataFrame, scored_at: str) -> DataFrame:
    """The columns of the scores file."""
    values = (F.col("user_id"), score_text(), F.lit(scored_at))
    return scored.select(*(value.alias(name) for value, name in zip(values, SCORES_COLUMNS, strict=True)))
