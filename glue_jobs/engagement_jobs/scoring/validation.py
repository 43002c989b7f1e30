"""The activity extract: its schema, and which of its rows can be scored.

Columns: `user_id` string, and the metrics of the weights document. More columns are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name everybody knows it by
from pyspark.sql.types import DataType, FractionalType, IntegralType, StringType

from engagement_jobs.contract.errors import SchemaError
from engagement_jobs.scoring.weights import Weights

_TYPES: dict[str, tuple[tuple[type[DataType], ...], str]] = {
    "string": ((StringType,), "string"),
    "integer": ((IntegralType,), "an integer"),
    "number": ((FractionalType, IntegralType), "a floating, decimal or integer number"),
}


def check_schema(activity: DataFrame, weights: Weights, where: str) -> DataFrame:
    """The columns of `activity` that are scored.

    :raises SchemaError: names every column that is missing or of another type
    """
    found = {field.name: field.dataType for field in activity.schema.fields}
    wrong = []
    for name, kind in {"user_id": "string", **{each.metric: each.type for each in weights.metrics}}.items():
        types, wanted = _TYPES[kind]
        if name not in found:
            wrong.append(f"column {name} is missing, wanted {wanted}")
        elif not isinstance(found[name], types):
            wrong.append(f"column {name} is {found[name].simpleString()}, wanted {wanted}")
    if wrong:
        raise SchemaError(
            f"{where}: {'; '.join(wrong)}. Found: {', '.join(found) or 'no columns'}. "
            "Have the extract written with these types, then clear check_activity."
        )
    return activity.select(*weights.columns)


def is_valid(metrics: Sequence[str]) -> Column:
    """Whether there is no `reason` against a row; false or null otherwise. In short, for it is asked of every row."""
    values = [F.col(metric).cast("double") for metric in metrics]
    # Nulls and NaN are not below infinity.
    return reduce(lambda valid, value: valid & (value >= 0) & (value < float("inf")), values, ~has_blank_user_id())


def invalid_reason(metrics: Sequence[str]) -> Column:
    """Why a row cannot be scored, whatever other rows say; null when it can.

    Only for few rows: code for this many branches is too long for Java's compiler, and so is a pass that contains it.
    """
    checks = [
        (F.col("user_id").isNull(), "user_id_null"),
        (has_blank_user_id(), "user_id_blank"),
        *(check for metric in metrics for check in _metric_checks(metric)),
    ]
    # One expression with many branches: Spark takes seconds to plan as many that are nested in one another.
    return reduce(lambda cases, check: cases.when(*check), checks[1:], F.when(*checks[0]))


def has_blank_user_id() -> Column:
    """Whether nothing of the user's id is visible; null when there is no id."""
    user_id = F.col("user_id")
    # Almost every id begins with a visible ASCII character, which needs no regular expression.
    return ~((user_id >= "!") & (user_id <= "~")) & user_id.rlike(r"(?U)^\s*$")


def _metric_checks(metric: str) -> list[tuple[Column, str]]:
    value = F.col(metric).cast("double")
    return [
        (value.isNull(), f"{metric}_null"),
        (F.isnan(value), f"{metric}_nan"),
        (value.isin(float("inf"), float("-inf")), f"{metric}_infinite"),
        (value < 0, f"{metric}_negative"),
    ]
