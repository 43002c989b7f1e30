"""What happens to rows that cannot be scored: kept with their reason, and sampled; too many of them end the job."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs import layout
from engagement_jobs.arguments import ScoreArguments

_ROWS_PER_FILE = 1_000_000


class TooManyRejectedError(RuntimeError):
    """Too little of the extract can be scored."""


def write(judged: DataFrame, uri: str, rejected: int) -> None:
    """Write the rejected rows with their reasons; `rejected` is their number."""
    if rejected:
        files = math.ceil(rejected / _ROWS_PER_FILE)
        _rejected(judged).repartition(files).write.mode("overwrite").json(uri, ignoreNullFields=False)


def reasons(judged: DataFrame) -> dict[str, int]:
    """Rejected rows by reason."""
    counted = _rejected(judged).groupBy("reason").count().collect()
    return {row["reason"]: row["count"] for row in sorted(counted)}


def samples(judged: DataFrame, metrics: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """By reason, the metrics of the least and the greatest rejected row: no user ids, for many may read a manifest."""
    values = F.struct(*metrics)
    ends = (F.to_json(end(values), {"ignoreNullFields": "false"}) for end in (F.min, F.max))
    found = _rejected(judged).groupBy("reason").agg(*ends).collect()
    return {reason: [json.loads(text) for text in dict.fromkeys(texts)] for reason, *texts in sorted(found)}


def _rejected(judged: DataFrame) -> DataFrame:
    return judged.where(F.col("reason").isNotNull()).drop("copy", "score")


def refuse_if_bad(arguments: ScoreArguments, counts: Mapping[str, int], reasons: Mapping[str, int]) -> None:
    """Raise TooManyRejectedError when more than `max_reject_fraction` was rejected, or nothing can be scored."""
    most = arguments.max_reject_fraction * counts["input"]
    if counts["scored"] and counts["rejected"] <= most:
        return
    why = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items(), key=lambda item: -item[1]))
    raise TooManyRejectedError(
        f"{arguments.input_uri}: {counts['rejected']:,} of {counts['input']:,} rows cannot be scored "
        f"({why or 'the extract is empty'}); at most {arguments.max_reject_fraction:.0%} may be, and at least one row "
        f"must be scored. The rows are in s3://{arguments.output_bucket}/{layout.rejected(arguments.score_date)}. "
        "Correct the extract, or raise max_reject_fraction, then clear check_activity."
    )
