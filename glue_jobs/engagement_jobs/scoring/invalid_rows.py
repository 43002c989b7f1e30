"""What happens to rows that cannot be scored: kept with their reason, and sampled; too many of them end the job."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.arguments import ScoreArguments
from engagement_jobs.contract.errors import TooManyInvalidRowsError
from engagement_jobs.scoring.validation import invalid_reason

Reasons = dict[str, int]
Samples = dict[str, list[dict[str, Any]]]

_ROWS_PER_FILE = 1_000_000


def add_reasons(unfit: DataFrame, repeated: DataFrame, metrics: Sequence[str]) -> DataFrame:
    """Rows that cannot be scored by themselves, and rows of `repeated` users that are invalid, with their `reason`."""
    others = repeated.where(F.col("reason").isNotNull()).drop("score")
    return unfit.withColumn("reason", invalid_reason(metrics)).unionByName(others)


def write_invalid_rows(invalid: DataFrame, uri: str, count: int, metrics: Sequence[str]) -> tuple[Reasons, Samples]:
    """Write `count` invalid rows with their reasons; return how many there are for each reason, and samples."""
    if not count:
        return {}, {}
    summary = _summarize(invalid, metrics)
    files = math.ceil(count / _ROWS_PER_FILE)
    invalid.coalesce(files).write.mode("overwrite").json(uri, ignoreNullFields=False)
    return summary


def _summarize(invalid: DataFrame, metrics: Sequence[str]) -> tuple[Reasons, Samples]:
    """Count rows by reason; sample the metrics of the least and the greatest row, without user ids."""
    values = F.struct(*metrics)
    ends = (F.to_json(end(values), {"ignoreNullFields": "false"}) for end in (F.min, F.max))
    found = sorted(invalid.groupBy("reason").agg(F.count("*"), *ends).collect())
    samples = {each: [json.loads(text) for text in dict.fromkeys(texts)] for each, _, *texts in found}
    return {each: count for each, count, *_ in found}, samples


def check_invalid_rate(arguments: ScoreArguments, counts: Mapping[str, int], reasons: Mapping[str, int]) -> None:
    """Raise TooManyInvalidRowsError when more than `max_invalid_fraction` was invalid, or nothing can be scored."""
    most = arguments.max_invalid_fraction * counts["input"]
    if counts["scored"] and counts["invalid"] <= most:
        return
    invalid_uri = f"s3://{arguments.output_bucket}/{s3_keys.invalid_prefix(arguments.score_date)}"
    why = ", ".join(f"{count:,} {each}" for each, count in sorted(reasons.items(), key=lambda item: -item[1]))
    raise TooManyInvalidRowsError(
        f"{arguments.input_uri}: {counts['invalid']:,} of {counts['input']:,} rows cannot be scored "
        f"({why or 'the extract is empty'}); at most {arguments.max_invalid_fraction:.0%} may be, and at least one row "
        f"must be scored. The rows are in {invalid_uri}. "
        "Correct the extract, or raise max_invalid_fraction, then clear check_activity."
    )
