"""Which users have several rows: found by a hash of the id, for almost all users have one, and need not be compared."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import LongType, StructField, StructType

from engagement_jobs.fingerprints import FINGERPRINT, KIND_BITS, KINDS, NOBODY, kind, user_hash

HASH = "_user_hash"
_MOST = 1_000_000
"""Hashes that are sent to every worker. With more of them, all rows are brought together."""
_PER_PARTITION = 100_000

ON_DRIVER = 360_000_000
"""Bytes of Parquet whose rows the driver looks at by itself: some 30 million of 12 bytes, whose fingerprints take 8.
Sorting ten million takes it half a second, where bringing them together and counting them takes two cores ten."""


@dataclass(frozen=True)
class Several:
    """Hashes that more than one row has: of users with several rows, and by chance of a few others.

    :param hashes: column HASH, each once; above _MOST nobody looks at them, and they may be left out
    :param number: how many; with none, there is nothing to split
    """

    hashes: DataFrame
    number: int

    def split(self, marked: DataFrame) -> tuple[DataFrame, DataFrame]:
        """Rows that need not be compared, and the others, those of one user in one partition."""
        hashed = marked.withColumn(HASH, user_hash())
        if self.number > _MOST:
            return hashed.where(F.col(HASH).isNull()), hashed.where(F.col(HASH).isNotNull()).repartition("user_id")
        few, partitions = F.broadcast(self.hashes), max(1, math.ceil(self.number / _PER_PARTITION))
        together = hashed.join(few, HASH, "left_semi").repartition(partitions, "user_id")
        return hashed.join(few, HASH, "left_anti"), together


def look(marked: DataFrame, size: int) -> tuple[Counter[int], Several]:
    """How many rows there are of each kind, and who has several. Only fingerprints travel.

    :param marked: as `with_fingerprint` gives it
    :param size: bytes of the extract
    """
    return _on_driver(marked) if size <= ON_DRIVER else _on_workers(marked)


def _on_driver(marked: DataFrame) -> tuple[Counter[int], Several]:
    import numpy as np  # only here, and by no worker

    collect: Any = marked.select(FINGERPRINT)._collect_as_arrow  # what toPandas does, without a second for pandas
    every = np.concatenate([np.empty(0, np.int64), *(batch.column(0).to_numpy() for batch in collect())])
    kinds = (every & (KINDS - 1)).astype(np.uint8)
    hashes = every[kinds != NOBODY]
    hashes >>= KIND_BITS  # in place, as the sorting: these are most of the driver's memory
    hashes.sort()
    twice = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
    told = twice.tolist() if len(twice) <= _MOST else []
    schema = StructType([StructField(HASH, LongType())])  # as text it would have to be parsed, for half a second
    found = marked.sparkSession.createDataFrame([(each,) for each in told], schema)
    return Counter(dict(enumerate(np.bincount(kinds).tolist()))), Several(found, len(twice))


def _on_workers(marked: DataFrame) -> tuple[Counter[int], Several]:
    counts = marked.groupBy(kind().alias("kind")).count().collect()
    every = marked.select(user_hash().alias(HASH)).where(F.col(HASH).isNotNull())
    # Brought together before they are counted: counted first where they lie, each would be one of its own there.
    twice = every.repartition(HASH).groupBy(HASH).count().where("count > 1").select(HASH).persist()
    return Counter({row["kind"]: row["count"] for row in counts}), Several(twice, twice.count())
