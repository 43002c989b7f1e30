"""One number for each row: its lower bits tell the bin of its score, or that it has none, the others hash its user.

To count rows, and to find the users that have several, nothing else of them has to be looked at.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.scoring import BINS, score_bin

FINGERPRINT = "_fingerprint"
NOT_SCORED, NOBODY = BINS, BINS + 1
"""Kinds beside the bins: a row that cannot be scored, and one of them without a user."""
KIND_BITS = 5
KINDS = 1 << KIND_BITS


def is_blank() -> Column:
    """Whether there is nothing to see of the user's id."""
    user_id = F.col("user_id")
    # Almost every id begins with a visible ASCII character: that is seen without the regular expression.
    return ~((user_id >= "!") & (user_id <= "~")) & user_id.rlike(r"(?U)^\s*$")


def with_fingerprint(scored: DataFrame) -> DataFrame:
    """`scored`, whose `score` is null where there is none, with FINGERPRINT: long, never null."""
    has_user = F.coalesce(~is_blank(), F.lit(False))
    kind = F.coalesce(score_bin(), F.when(has_user, NOT_SCORED).otherwise(NOBODY))
    return scored.withColumn(FINGERPRINT, F.shiftleft(F.xxhash64("user_id"), KIND_BITS).bitwiseOR(kind.cast("long")))


def kind() -> Column:
    """A bin, NOT_SCORED or NOBODY."""
    return F.col(FINGERPRINT).bitwiseAND(F.lit(KINDS - 1))


def user_hash() -> Column:
    """59 bits of a hash; null where there is no user."""
    return F.when(kind() != NOBODY, F.shiftright(FINGERPRINT, KIND_BITS))
