"""Users with several rows: found by hashes of their ids, so that only the rows of these few users are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.activity import is_blank, reason

CONFLICT = "conflicting_rows"
"""Reason for rejecting rows of a user that differ."""
_HASH = "_user_hash"
_HASHES_PER_PARTITION = 100_000
_MAX_LISTED = 500


@dataclass(frozen=True)
class DuplicateUsers:
    """Hashes that several rows have: of users with several rows, and by chance of a few other users.

    :param hashes: each hash once, cached
    :param count: number of hashes
    """

    hashes: DataFrame
    count: int

    def resolve(self, scored: DataFrame, metrics: Sequence[str]) -> tuple[DataFrame, DataFrame]:
        """Rows of all other users, where they are read, and the rows of these users, compared and cached.

        Of identical rows of a user one keeps its score; rows of a user that differ in any metric are rejected.

        :param scored: `user_id`, the metrics, and `score`, null where a row by itself cannot be scored
        :return: both with the same columns, the second also with `reason`; a row of it that has neither `score` nor
            `reason` is a copy of a scored row
        """
        if not self.count:
            return scored, scored.where(F.lit(False)).withColumn("reason", F.lit(None).cast("string"))
        others, these = self._split(scored.withColumn(_HASH, _user_hash()))
        partitions = math.ceil(self.count / _HASHES_PER_PARTITION)
        compared = _compare(these.repartition(partitions, "user_id"), metrics)
        return others.select(*scored.columns), compared.select(*scored.columns, "reason").persist()

    def _split(self, hashed: DataFrame) -> tuple[DataFrame, DataFrame]:
        if self.count <= _MAX_LISTED:  # on most days, and a filter starts much faster than two joins
            listed = [each[_HASH] for each in self.hashes.collect()]
            is_repeated = F.coalesce(F.col(_HASH).isin(listed), F.lit(False))
            return hashed.where(~is_repeated), hashed.where(is_repeated)
        # Spark sends the hashes to every worker as long as they are few (spark.sql.autoBroadcastJoinThreshold).
        return hashed.join(self.hashes, _HASH, "left_anti"), hashed.join(self.hashes, _HASH, "left_semi")


def find_duplicate_users(rows: DataFrame) -> DuplicateUsers:
    """Count the hashes of all user ids; of `rows`, only the column `user_id` is read."""
    hashes = rows.select(_user_hash().alias(_HASH)).where(F.col(_HASH).isNotNull())
    # Shuffled before they are counted: almost all are different, so that counting them first would save nothing.
    counted = hashes.repartition(_HASH).groupBy(_HASH).count()
    repeated = counted.where("count > 1").select(_HASH).persist()
    return DuplicateUsers(repeated, repeated.count())


def _user_hash() -> Column:
    """64 bits; null for a row without a user, which has nothing in common with any other row."""
    return F.when(~is_blank(), F.xxhash64("user_id"))


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
    return rejected.withColumn("score", F.when(F.col("reason").isNull() & (F.col("_copy") == 1), F.col("score")))
