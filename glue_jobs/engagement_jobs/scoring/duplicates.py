"""Users with several rows: found by hashes of their ids, so that only the rows of these few users are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.scoring.validation import has_blank_user_id, invalid_reason

CONFLICT = "conflicting_rows"
"""Reason for rejecting rows of a user that differ."""
_REPEATED, _HASH = "_repeated", "_user_hash"
_HASHES_PER_PARTITION = 100_000
_MAX_LISTED = 500
_ARRAYS = 100  # from 128 groups on, Spark sorts the rows to collect them


@dataclass(frozen=True)
class DuplicateUsers:
    """Hashes that several rows have: of users with several rows, and by chance of a few other users.

    :param hashes: each hash once, cached
    :param count: number of hashes
    """

    hashes: DataFrame
    count: int

    def split(self, rows: DataFrame, is_fit: Column) -> tuple[DataFrame, DataFrame, DataFrame]:
        """Rows of all other users, where they are read; those of them that are not fit; the rows of these users.

        :return: the last two come from one cached pass over `rows`, since both are few
        """
        marked = self._mark(rows)
        few = marked.where(F.col(_REPEATED) | ~F.coalesce(is_fit, F.lit(False))).persist()
        parts = (marked.where(~F.col(_REPEATED)), few.where(~F.col(_REPEATED)), few.where(_REPEATED))
        others, unfit, repeated = (part.select(*rows.columns) for part in parts)
        return others, unfit, repeated

    def compare(self, scored: DataFrame, metrics: Sequence[str]) -> DataFrame:
        """Add `reason` to the rows of these users; of identical rows one keeps its score, others are invalid.

        :param scored: the rows of these users
        :return: cached; a row that has neither `score` nor `reason` is a copy of a scored row
        """
        if not self.count:
            return scored.where(F.lit(False)).withColumn("reason", F.lit(None).cast("string"))
        partitions = math.ceil(self.count / _HASHES_PER_PARTITION)
        return _compare(scored.repartition(partitions, "user_id"), metrics).persist()

    def _mark(self, rows: DataFrame) -> DataFrame:
        if not self.count:
            return rows.withColumn(_REPEATED, F.lit(False))
        hashed = rows.withColumn(_HASH, _user_hash())
        if self.count <= _MAX_LISTED:  # on most days, and a filter starts much faster than a join
            listed = [each[_HASH] for each in self.hashes.collect()]
            marked = hashed.withColumn(_REPEATED, F.col(_HASH).isin(listed))
        else:
            # Spark sends the hashes to every worker as long as they are few (spark.sql.autoBroadcastJoinThreshold).
            marked = hashed.join(self.hashes.withColumn(_REPEATED, F.lit(True)), _HASH, "left")
        return marked.select(*rows.columns, F.coalesce(_REPEATED, F.lit(False)).alias(_REPEATED))


def find_duplicate_users(rows: DataFrame) -> DuplicateUsers:
    """Look for hashes that occur more than once; of `rows`, only the column `user_id` is read."""
    hashes = rows.where(~has_blank_user_id()).select(_hash().alias(_HASH))
    # A few long arrays rather than a group for each of millions of hashes, which takes more than twice the CPU.
    # Sorted within the aggregation: after it, Spark would sort again for each element.
    arrays = hashes.groupBy(F.pmod(_HASH, F.lit(_ARRAYS))).agg(F.sort_array(F.collect_list(_HASH)).alias("hashes"))
    again = F.filter("hashes", lambda each, place: (place > 0) & (each == F.element_at("hashes", place)))
    repeated = arrays.select(F.explode(F.array_distinct(again)).alias(_HASH)).persist()
    return DuplicateUsers(repeated, repeated.count())


def _user_hash() -> Column:
    """Null for a row without a user, which has nothing in common with any other row."""
    return F.when(~has_blank_user_id(), _hash())


def _hash() -> Column:
    return F.xxhash64("user_id")


def _compare(rows: DataFrame, metrics: Sequence[str]) -> DataFrame:
    """Compare the rows of each user, which sorts them, so that the same rows leave a partition in the same order."""
    up_to_row = Window.partitionBy("user_id").orderBy(*metrics)
    all_rows = up_to_row.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    first, last = (end(F.struct(*metrics)).over(all_rows) for end in (F.first, F.last))
    compared = rows.select(
        "*", first.alias("_first"), last.alias("_last"), F.row_number().over(up_to_row).alias("_copy")
    )
    conflict = F.when(~F.col("_first").eqNullSafe(F.col("_last")), F.lit(CONFLICT))
    invalid = compared.withColumn("reason", F.coalesce(invalid_reason(metrics), conflict))
    score = F.when(F.col("reason").isNull() & (F.col("_copy") == 1), F.col("score"))
    return invalid.withColumn("score", score).select(*rows.columns, "reason")
