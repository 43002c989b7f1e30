"""Users with several rows: found by hashes of their ids, so that only the rows of these few users are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.activity import can_be_scored, is_blank, reason
from engagement_jobs.scoring import with_score
from engagement_jobs.weights import Weights

CONFLICT = "conflicting_rows"
"""Reason for rejecting rows of a user that differ."""
_HASH = "_user_hash"
_HASHES_PER_PARTITION = 100_000
_MAX_LISTED = 500
_ARRAYS = 100
"""Below 128, the number of groups from which on Spark sorts the rows to collect them."""


@dataclass(frozen=True)
class DuplicateUsers:
    """Hashes that several rows have: of users with several rows, and by chance of a few other users.

    :param hashes: each hash once, cached
    :param count: number of hashes
    """

    hashes: DataFrame
    count: int

    def resolve(self, rows: DataFrame, weights: Weights) -> tuple[DataFrame, DataFrame]:
        """Score the rows of all other users, where they are read; score, compare and cache the rows of these users.

        Of identical rows of a user one keeps its score; rows of a user that differ in any metric are rejected.

        :param rows: `user_id` and the metrics
        :return: both with `score`, null where a row cannot be scored; the second also with `reason`: a row of it that
            has neither is a copy of a scored row
        """
        if not self.count:
            scored = _score(rows, weights)
            return scored, scored.where(F.lit(False)).withColumn("reason", F.lit(None).cast("string"))
        others, these = self._split(rows.withColumn(_HASH, _user_hash()))
        partitions = math.ceil(self.count / _HASHES_PER_PARTITION)
        together = these.select(*rows.columns).repartition(partitions, "user_id")
        return _score(others.select(*rows.columns), weights), _compare(
            _score(together, weights), weights.names
        ).persist()

    def _split(self, hashed: DataFrame) -> tuple[DataFrame, DataFrame]:
        if self.count <= _MAX_LISTED:  # on most days, and a filter starts much faster than two joins
            listed = [each[_HASH] for each in self.hashes.collect()]
            is_repeated = F.coalesce(F.col(_HASH).isin(listed), F.lit(False))
            return hashed.where(~is_repeated), hashed.where(is_repeated)
        # Spark sends the hashes to every worker as long as they are few (spark.sql.autoBroadcastJoinThreshold).
        return hashed.join(self.hashes, _HASH, "left_anti"), hashed.join(self.hashes, _HASH, "left_semi")


def find_duplicate_users(rows: DataFrame) -> DuplicateUsers:
    """Look for hashes that occur more than once; of `rows`, only the column `user_id` is read."""
    hashes = rows.select(_user_hash().alias(_HASH)).where(F.col(_HASH).isNotNull())
    # A few long arrays rather than a group for each of millions of hashes, which takes more than twice the CPU.
    # Sorted within the aggregation: after it, Spark would sort again for each element.
    arrays = hashes.groupBy(F.pmod(_HASH, F.lit(_ARRAYS))).agg(F.sort_array(F.collect_list(_HASH)).alias("hashes"))
    again = F.filter("hashes", lambda each, place: (place > 0) & (each == F.element_at("hashes", place)))
    repeated = arrays.select(F.explode(F.array_distinct(again)).alias(_HASH)).persist()
    return DuplicateUsers(repeated, repeated.count())


def _user_hash() -> Column:
    """64 bits; null for a row without a user, which has nothing in common with any other row."""
    return F.when(~is_blank(), F.xxhash64("user_id"))


def _score(rows: DataFrame, weights: Weights) -> DataFrame:
    return with_score(rows, weights, can_be_scored(weights.names))


def _compare(rows: DataFrame, metrics: Sequence[str]) -> DataFrame:
    """Compare the rows of each user, which sorts them, so that the same rows leave a partition in the same order."""
    up_to_row = Window.partitionBy("user_id").orderBy(*metrics)
    all_rows = up_to_row.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    first, last = (end(F.struct(*metrics)).over(all_rows) for end in (F.first, F.last))
    compared = rows.select(
        "*", first.alias("_first"), last.alias("_last"), F.row_number().over(up_to_row).alias("_copy")
    )
    conflict = F.when(~F.col("_first").eqNullSafe(F.col("_last")), F.lit(CONFLICT))
    rejected = compared.withColumn("reason", F.coalesce(reason(metrics), conflict))
    score = F.when(F.col("reason").isNull() & (F.col("_copy") == 1), F.col("score"))
    return rejected.withColumn("score", score).select(*rows.columns, "reason")
