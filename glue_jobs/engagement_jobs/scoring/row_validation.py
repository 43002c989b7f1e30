"""Validation of the rows of the extract: which are invalid and why, and whether there are too many.

`duplicates` adds the reason `conflicting_rows`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 - the customary name

from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.arguments import ScoreArguments
from engagement_jobs.contract.errors import TooManyInvalidRowsError

NOT_UTF8 = "user_id_not_utf8"
"""Reason of invalid rows whose user id is not text."""


def is_valid(metrics: Sequence[str]) -> Column:
    """Return whether a row has no `invalid_reason`; null counts as false.

    It runs for every row, so it is a much shorter expression.
    """
    values = [F.col(metric).cast("double") for metric in metrics]
    has_user_id = ~has_blank_user_id() & has_utf8_user_id()
    # Null and NaN are not less than infinity.
    return reduce(lambda valid, value: valid & (value >= 0) & (value < float("inf")), values, has_user_id)


def invalid_reason(metrics: Sequence[str]) -> Column:
    """Return why a row is invalid by itself, or null for a valid row.

    Use it for few rows only: the code that Spark generates for so many branches is too long for Java's just-in-time
    compiler, together with everything else in the same pass.
    """
    checks = [
        (F.col("user_id").isNull(), "user_id_null"),
        (~has_utf8_user_id(), NOT_UTF8),
        (has_blank_user_id(), "user_id_blank"),
        *(check for metric in metrics for check in _metric_checks(metric)),
    ]
    # One expression with many branches: Spark takes seconds to plan as many nested expressions.
    return reduce(lambda cases, check: cases.when(*check), checks[1:], F.when(*checks[0]))


def has_blank_user_id() -> Column:
    """Return whether a user id consists of white space only; null for a null id."""
    user_id = F.col("user_id")
    # Almost every id begins with a visible ASCII character, which needs no regular expression.
    return ~((user_id >= "!") & (user_id <= "~")) & user_id.rlike(r"(?U)^\s*$")


def has_utf8_user_id() -> Column:
    """Return whether the bytes of a user id are valid UTF-8; null for a null id.

    Parquet does not enforce it, and Spark compares the bytes as they are but writes each invalid one as U+FFFD: two
    users would become one, who does not exist.
    """
    user_id = F.col("user_id")
    if hasattr(F, "is_valid_utf8"):  # from Spark 4 on
        return F.call_function("is_valid_utf8", user_id)
    return F.encode(user_id, "UTF-8") == user_id.cast("binary")


def check_invalid_rate(arguments: ScoreArguments, counts: Mapping[str, int], reasons: Mapping[str, int]) -> None:
    """Check that enough rows are valid.

    :param counts: numbers of rows: `input`, `scored`, `invalid`
    :param reasons: number of invalid rows for each reason
    :raises TooManyInvalidRowsError: more than `max_invalid_fraction` of the rows are invalid, or none was scored
    """
    max_invalid = arguments.max_invalid_fraction * counts["input"]
    if counts["scored"] and counts["invalid"] <= max_invalid:
        return
    by_frequency = sorted(reasons.items(), key=lambda item: -item[1])
    details = ", ".join(f"{count:,} {reason}" for reason, count in by_frequency)
    folder = f"s3://{arguments.output_bucket}/{s3_keys.invalid_prefix(arguments.score_date)}"
    raise TooManyInvalidRowsError(
        f"{arguments.input_uri}: {counts['invalid']:,} of {counts['input']:,} rows are invalid "
        f"({details}), expected at most {arguments.max_invalid_fraction:.0%} and at least "
        f"one valid row. The invalid rows are in {folder}. Correct the extract or raise max_invalid_fraction, then "
        "clear check_activity."
    )


def _metric_checks(metric: str) -> list[tuple[Column, str]]:
    value = F.col(metric).cast("double")
    return [
        (value.isNull(), f"{metric}_null"),
        (F.isnan(value), f"{metric}_nan"),
        (value.isin(float("inf"), float("-inf")), f"{metric}_infinite"),
        (value < 0, f"{metric}_negative"),
    ]
