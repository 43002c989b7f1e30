"""The formula: `score = 100 * sum(weight * min(metric / cap, 1))`, rounded half up to 8 and then to 2 decimals.

Rounding to 8 decimals first repairs the error of doubles: 0.125 * 58 may be 7.249999..., just below the half at which
it must round up.
"""

from __future__ import annotations

from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.scoring.weights import Weights

BINS = 20
_EXACT = "_exact_score"
_SAFE_DISTANCE = 1e-4
"""Distance from a half, in units of 1e-8, beyond which a double rounds to the right side: its error is below 2e-6."""


def with_score(rows: DataFrame, weights: Weights, valid: Column | None = None) -> DataFrame:
    """Add the column `score`: a double from 0.00 to 100.00 with two decimals.

    :param valid: rows for which it is not true get a null; by default all rows get a score
    """
    shares = (
        F.lit(metric.weight) * _cap_share(F.col(metric.name).cast("double") / metric.cap) for metric in weights.metrics
    )
    # A column of its own: Spark computes an expression again wherever it is repeated.
    exact = rows.withColumn(_EXACT, F.lit(100.0) * reduce(add, shares))
    score = _round_half_up(F.col(_EXACT))
    return exact.withColumn("score", score if valid is None else F.when(valid, score)).drop(_EXACT)


def _cap_share(share: Column) -> Column:
    # Not `least`, which ignores nulls: a missing metric would count as a full one.
    return F.when(share > 1, F.lit(1.0)).otherwise(share)


def _round_half_up(exact: Column) -> Column:
    """Round half up to 8 decimals and then to 2.

    `F.round` does so by writing each double as text and parsing it again. Integer arithmetic on doubles gives the same
    result in a fraction of the time, unless a double is too close to a half.
    """
    scaled = exact * 1e8
    distance_from_half = F.abs(scaled - F.floor(scaled) - 0.5)
    hundredths = F.floor((F.floor(scaled + 0.5) + 500_000) / 1_000_000)
    slow = F.round(F.round(exact, 8), 2)
    return F.when(distance_from_half.between(_SAFE_DISTANCE, 0.5), hundredths / 100).otherwise(slow)


def score_text(score: str = "score") -> Column:
    """Format a score for the CSV and the CRM, with exactly two decimals: `73.25`."""
    hundredths = F.floor(F.col(score) * 100 + 0.5).cast("int")
    units, decimals = F.floor(hundredths / 100).cast("string"), hundredths % 100
    return F.concat(units, F.when(decimals < 10, ".0").otherwise("."), decimals.cast("string"))


def score_bin(score: str = "score") -> Column:
    """Return the bin of a score, from 0 to 19. Each bin has a width of 5; 100.00 is in the last one."""
    return F.when(F.col(score) == 100, BINS - 1).otherwise(F.floor(F.col(score) / (100 / BINS))).cast("int")
