"""Writing of the invalid rows with their reasons, and samples of them for the manifest."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.scoring.row_validation import NOT_UTF8, invalid_reason

Reasons = dict[str, int]
Samples = dict[str, list[dict[str, Any]]]

_ROWS_PER_FILE = 1_000_000


def collect_invalid_rows(invalid_unique: DataFrame, resolved: DataFrame, metrics: Sequence[str]) -> DataFrame:
    """Return all invalid rows of the extract, with their `reason`.

    Where the bytes of a user id are not UTF-8, it is replaced by these bytes in hexadecimal, which JSON can hold.

    :param invalid_unique: invalid rows of users with one row
    :param resolved: rows of users with several rows, with `reason` if they are invalid
    """
    invalid_duplicates = resolved.where(F.col("reason").isNotNull()).drop("score")
    invalid = invalid_unique.withColumn("reason", invalid_reason(metrics)).unionByName(invalid_duplicates)
    user_id = F.when(F.col("reason") == NOT_UTF8, F.hex("user_id")).otherwise(F.col("user_id"))
    return invalid.withColumn("user_id", user_id)


def write_invalid_rows(invalid: DataFrame, uri: str, count: int, metrics: Sequence[str]) -> tuple[Reasons, Samples]:
    """Write the invalid rows as JSON lines.

    :param uri: folder of the files
    :param count: number of rows in `invalid`
    :return: number of rows for each reason, and samples
    """
    if not count:
        return {}, {}
    summary = _summarize(invalid, metrics)
    files = math.ceil(count / _ROWS_PER_FILE)
    invalid.coalesce(files).write.mode("overwrite").json(uri, ignoreNullFields=False)
    return summary


def _summarize(invalid: DataFrame, metrics: Sequence[str]) -> tuple[Reasons, Samples]:
    """Count the rows of each reason, and sample the smallest and the largest by their metrics, without user ids."""
    values = F.struct(*metrics)
    smallest, largest = (F.to_json(end(values), {"ignoreNullFields": "false"}) for end in (F.min, F.max))
    reasons: Reasons = {}
    samples: Samples = {}
    for reason, count, *texts in sorted(invalid.groupBy("reason").agg(F.count("*"), smallest, largest).collect()):
        reasons[reason] = count
        samples[reason] = [json.loads(text) for text in dict.fromkeys(texts)]  # one sample if both are equal
    return reasons, samples
