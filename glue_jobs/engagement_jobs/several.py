"""Which users have several rows: found by a hash of the id, for almost all users have one, and need not be compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

HASH = "_user_hash"
_MOST = 1_000_000
"""Hashes that are sent to every worker. With more of them, all rows are brought together."""
_PER_PARTITION = 100_000

_ON_DRIVER = 30_000_000
"""Rows whose hashes the driver looks at by itself, 8 bytes each: sorting ten million takes it half a second, where
bringing them together and counting them takes two cores ten."""


def is_blank() -> Column:
    """Whether there is nothing to see of the user's id."""
    user_id = F.col("user_id")
    # Almost every id begins with a visible ASCII character: that is seen without the regular expression.
    return ~((user_id >= "!") & (user_id <= "~")) & user_id.rlike(r"(?U)^\s*$")


def with_hash(activity: DataFrame) -> DataFrame:
    """`activity` with the hash that `Several` looks at: null where there is no id, for such rows have no user."""
    return activity.withColumn(HASH, F.when(~is_blank(), F.xxhash64("user_id")))


@dataclass(frozen=True)
class Several:
    """Hashes that more than one row has: of users with several rows, and by chance of a few others.

    :param hashes: column HASH, each once; above _MOST nobody looks at them, and they may be left out
    :param number: how many; with none, there is nothing to split
    """

    hashes: DataFrame
    number: int

    @classmethod
    def find(cls, hashed: DataFrame, rows: int) -> Several:
        """Look at all rows of `with_hash`, so many. Only the hashes travel."""
        every = hashed.where(F.col(HASH).isNotNull()).select(HASH)
        if rows <= _ON_DRIVER:
            return cls._find_on_driver(every)
        # Brought together before they are counted: counted first where they lie, each would be one of its own there.
        counted = every.repartition(HASH).groupBy(HASH).count()
        twice = counted.where("count > 1").select(HASH).persist()
        return cls(twice, twice.count())

    @classmethod
    def _find_on_driver(cls, every: DataFrame) -> Several:
        import numpy as np  # only here, and by no worker

        collect: Any = every._collect_as_arrow  # what toPandas does, without a second for pandas
        hashes = np.sort(np.concatenate([np.empty(0, np.int64), *(batch.column(0).to_numpy() for batch in collect())]))
        twice = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
        told = twice.tolist() if len(twice) <= _MOST else []
        return cls(every.sparkSession.createDataFrame(told, "long").toDF(HASH), len(twice))

    def split(self, hashed: DataFrame) -> tuple[DataFrame, DataFrame]:
        """Rows that need not be compared, and the others, those of one user in one partition."""
        if self.number > _MOST:
            return hashed.where(F.col(HASH).isNull()), hashed.where(F.col(HASH).isNotNull()).repartition("user_id")
        few, partitions = F.broadcast(self.hashes), max(1, math.ceil(self.number / _PER_PARTITION))
        together = hashed.join(few, HASH, "left_semi").repartition(partitions, "user_id")
        return hashed.join(few, HASH, "left_anti"), together
