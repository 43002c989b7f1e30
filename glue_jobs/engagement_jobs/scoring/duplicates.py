"""Users with several rows: found by hashes of their ids, so that only the rows of these few users are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.scoring.row_validation import has_blank_user_id, invalid_reason

CONFLICT = "conflicting_rows"
"""Reason of invalid rows whose user has another, different row."""
_IS_DUPLICATE, _HASH = "_is_duplicate", "_user_hash"
_HASHES_PER_PARTITION = 100_000
_MAX_LISTED_HASHES = 500
_HASH_ARRAYS = 100  # from 128 groups on, Spark sorts the rows to collect them


class SplitRows(NamedTuple):
    """The rows of an extract.

    :param unique: rows of users with one row, valid or not
    :param invalid_unique: the invalid ones of `unique`
    :param duplicates: rows of users with several rows
    """

    unique: DataFrame
    invalid_unique: DataFrame
    duplicates: DataFrame


@dataclass(frozen=True)
class DuplicateUsers:
    """Hashes that several rows share: of users with several rows and, by coincidence, of a few other users.

    :param hashes: each hash once, cached
    :param count: number of hashes
    """

    hashes: DataFrame
    count: int

    def split(self, rows: DataFrame, valid: Column) -> SplitRows:
        """Separate the rows of these users from the others.

        :param valid: whether a row is valid by itself; null counts as false
        :return: `invalid_unique` and `duplicates` are few rows and come from one cached pass over `rows`
        """
        marked = self._mark(rows)
        cached = marked.where(F.col(_IS_DUPLICATE) | ~F.coalesce(valid, F.lit(False))).persist()
        return SplitRows(
            unique=marked.where(~F.col(_IS_DUPLICATE)).select(*rows.columns),
            invalid_unique=cached.where(~F.col(_IS_DUPLICATE)).select(*rows.columns),
            duplicates=cached.where(_IS_DUPLICATE).select(*rows.columns),
        )

    def resolve(self, duplicates: DataFrame, metrics: Sequence[str]) -> DataFrame:
        """Keep one score for a user whose rows are identical, and invalidate the rows of a user whose rows differ.

        :param duplicates: the rows of these users, with `score`
        :return: the same rows with `score` and `reason`, cached; a row without both is a copy of a scored row
        """
        if not self.count:
            return duplicates.where(F.lit(False)).withColumn("reason", F.lit(None).cast("string"))
        partitions = math.ceil(self.count / _HASHES_PER_PARTITION)
        return _resolve(duplicates.repartition(partitions, "user_id"), metrics).persist()

    def _mark(self, rows: DataFrame) -> DataFrame:
        """Add a column that is true for the rows of these users."""
        if not self.count:
            return rows.withColumn(_IS_DUPLICATE, F.lit(False))
        hashed = rows.withColumn(_HASH, _user_hash())
        if self.count <= _MAX_LISTED_HASHES:  # the usual case, and a filter starts much faster than a join
            hashes = [row[_HASH] for row in self.hashes.collect()]
            marked = hashed.withColumn(_IS_DUPLICATE, F.col(_HASH).isin(hashes))
        else:
            # Spark broadcasts the hashes unless they are many (spark.sql.autoBroadcastJoinThreshold).
            marked = hashed.join(self.hashes.withColumn(_IS_DUPLICATE, F.lit(True)), _HASH, "left")
        return marked.select(*rows.columns, F.coalesce(_IS_DUPLICATE, F.lit(False)).alias(_IS_DUPLICATE))


def find_duplicate_users(rows: DataFrame) -> DuplicateUsers:
    """Find the hashes of user ids that occur more than once. Only the column `user_id` is read."""
    hashes = rows.where(~has_blank_user_id()).select(_hash().alias(_HASH))
    # A few long arrays instead of a group for each of millions of hashes, which takes more than twice the CPU.
    # They are sorted within the aggregation: after it, Spark would sort again for each element.
    arrays = hashes.groupBy(F.pmod(_HASH, F.lit(_HASH_ARRAYS))).agg(F.sort_array(F.collect_list(_HASH)).alias("hashes"))
    # The lambda's position counts from 0, element_at from 1: each hash is compared with the one before it.
    repeated = F.filter("hashes", lambda value, position: (position > 0) & (value == F.element_at("hashes", position)))
    distinct = arrays.select(F.explode(F.array_distinct(repeated)).alias(_HASH)).persist()
    return DuplicateUsers(distinct, distinct.count())


def _user_hash() -> Column:
    """Hash the user id; null for a blank or null id, which never makes two rows duplicates."""
    return F.when(~has_blank_user_id(), _hash())


def _hash() -> Column:
    return F.xxhash64("user_id")


def _resolve(rows: DataFrame, metrics: Sequence[str]) -> DataFrame:
    """Compare the rows of each user. This sorts them, so a partition always writes its rows in the same order."""
    in_order = Window.partitionBy("user_id").orderBy(*metrics)
    all_rows = in_order.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    compared = rows.select(
        "*",
        F.first(F.struct(*metrics)).over(all_rows).alias("_first"),
        F.last(F.struct(*metrics)).over(all_rows).alias("_last"),
        F.row_number().over(in_order).alias("_number"),
    )
    conflict = F.when(~F.col("_first").eqNullSafe(F.col("_last")), F.lit(CONFLICT))
    with_reason = compared.withColumn("reason", F.coalesce(invalid_reason(metrics), conflict))
    score = F.when(F.col("reason").isNull() & (F.col("_number") == 1), F.col("score"))
    return with_reason.withColumn("score", score).select(*rows.columns, "reason")
