"""Validation of the extract: its columns, which of its rows are invalid and why, and whether there are too many.

`duplicates` adds the reason `conflicting_rows`.

Columns: `user_id`, a string, and the metrics of the weights document. Other columns are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the customary name
from pyspark.sql.types import DataType, FractionalType, IntegralType, StringType

from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.arguments import ScoreArguments
from engagement_jobs.contract.errors import SchemaError, TooManyInvalidRowsError
from engagement_jobs.scoring.weights import Weights

NOT_UTF8 = "user_id_not_utf8"
"""Reason of invalid rows whose user id is not text."""

_TYPES: dict[str, tuple[tuple[type[DataType], ...], str]] = {
    "string": ((StringType,), "string"),
    "integer": ((IntegralType,), "an integer"),
    "number": ((FractionalType, IntegralType), "a floating, decimal or integer number"),
}
"""For each type of the contract: Spark's types, and the type as error messages describe it."""


def check_schema(extract: DataFrame, weights: Weights, uri: str) -> DataFrame:
    """Check the columns of a file.

    :param uri: of the file, for error messages
    :return: the user ids and the metrics
    :raises SchemaError: names every column that is missing or has another type
    """
    types_in_file = {field.name: field.dataType for field in extract.schema.fields}
    contract_types = {"user_id": "string", **{metric.name: metric.type for metric in weights.metrics}}
    faults = []
    for name, contract_type in contract_types.items():
        spark_types, description = _TYPES[contract_type]
        if name not in types_in_file:
            faults.append(f"column {name} is missing, expected {description}")
        elif not isinstance(types_in_file[name], spark_types):
            faults.append(f"column {name} is {types_in_file[name].simpleString()}, expected {description}")
    if faults:
        raise SchemaError(
            f"{uri}: {'; '.join(faults)}. Its columns are: {', '.join(types_in_file) or 'none'}. "
            "Have the extract written with the expected types, then clear check_activity."
        )
    return extract.select(*weights.columns)


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
        f"({details or 'the extract is empty'}), expected at most {arguments.max_invalid_fraction:.0%} and at least "
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
