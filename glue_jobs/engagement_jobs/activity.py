"""The activity extract: its schema, and which of its rows can be scored.

Columns: `user_id` string; `login_count`, `items_viewed`, `cart_additions` integers of any width;
`time_spent_minutes` floating, decimal or integer. More columns are ignored.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 - the name everybody knows it by
from pyspark.sql.types import DataType, FractionalType, IntegralType, StringType

from engagement_jobs.columns import ACTIVITY
from engagement_jobs.weights import METRICS

_WANTED: dict[str, tuple[tuple[type[DataType], ...], str]] = {
    "user_id": ((StringType,), "string"),
    "login_count": ((IntegralType,), "an integer"),
    "items_viewed": ((IntegralType,), "an integer"),
    "time_spent_minutes": ((FractionalType, IntegralType), "a floating, decimal or integer number"),
    "cart_additions": ((IntegralType,), "an integer"),
}


class SchemaError(ValueError):
    """The extract's columns are not those of the contract."""


def check_schema(activity: DataFrame, where: str) -> DataFrame:
    """The contract's columns of `activity`.

    :raises SchemaError: names every column that is missing or of another type
    """
    found = {field.name: field.dataType for field in activity.schema.fields}
    wrong = []
    for name, (types, wanted) in _WANTED.items():
        if name not in found:
            wrong.append(f"column {name} is missing, wanted {wanted}")
        elif not isinstance(found[name], types):
            wrong.append(f"column {name} is {found[name].simpleString()}, wanted {wanted}")
    if wrong:
        raise SchemaError(
            f"{where}: {'; '.join(wrong)}. Found: {', '.join(found) or 'no columns'}. "
            "Have the extract written with these types, then clear check_activity."
        )
    return activity.select(*ACTIVITY)


def with_verdict(activity: DataFrame) -> DataFrame:
    """`activity` with `reason` (null for a row to score) and `copy` (1 for the first of identical rows).

    Several rows of one user that differ in the contract's columns are all rejected: none of them is known to be right.
    """
    usable_id = F.col("user_id").isNotNull() & ~F.col("user_id").rlike(r"(?U)^\s*$")
    # Rows without an id have nothing in common: each is a user of its own, or they would all meet in one task.
    user = F.when(usable_id, F.struct(F.col("user_id"), F.lit(0).cast("long").alias("row"))).otherwise(
        F.struct(F.lit(None).cast("string").alias("user_id"), F.monotonically_increasing_id().alias("row"))
    )
    rows_of_user = Window.partitionBy("user")
    metrics = F.struct(*METRICS)
    return (
        activity.withColumn("user", user)
        .withColumn("first", F.min(metrics).over(rows_of_user))
        .withColumn("last", F.max(metrics).over(rows_of_user))
        .withColumn("copy", F.row_number().over(rows_of_user.orderBy(metrics)))
        .select(*ACTIVITY, _reason(usable_id, ~F.col("first").eqNullSafe(F.col("last"))).alias("reason"), "copy")
    )


def _reason(usable_id: Column, conflicting: Column) -> Column:
    """The first reason to reject a row, null when there is none."""
    checks = [
        (F.col("user_id").isNull(), "user_id_null"),
        (~usable_id, "user_id_blank"),
        *(check for metric in METRICS for check in _metric_checks(metric)),
        (conflicting, "conflicting_rows"),
    ]
    reasons = (F.when(condition, F.lit(reason)) for condition, reason in checks)
    return reduce(lambda first, then: F.coalesce(first, then), reasons)


def _metric_checks(metric: str) -> list[tuple[Column, str]]:
    value = F.col(metric).cast("double")
    return [
        (value.isNull(), f"{metric}_null"),
        (F.isnan(value), f"{metric}_nan"),
        (value.isin(float("inf"), float("-inf")), f"{metric}_infinite"),
        (value < 0, f"{metric}_negative"),
    ]
