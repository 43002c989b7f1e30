"""The outcome of every row after an attempt, from the ledger in S3, not from the counters of the tasks."""

from __future__ import annotations

from collections import Counter

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.stop_reasons import TASK_LOST, cause_of_unsent_rows
from engagement_jobs.push.dispatch import DispatchResult
from engagement_jobs.push.send_plan import SEND


def final_outcomes(decided: DataFrame, lines: DataFrame, result: DispatchResult) -> DataFrame:
    """Return `user_id`, `outcome`, `reason` and `http_status` of every row.

    :param decided: rows with `send_plan.COLUMNS`
    :param lines: ledger lines of this attempt
    """
    return with_outcome(
        decided, lines, cause_of_unsent_rows(result.stop_reason), _unlogged_users(decided, lines, result)
    )


def count_outcomes(final: DataFrame) -> Counter[str]:
    """Count the rows by outcome."""
    return Counter({row["outcome"]: row["count"] for row in final.groupBy("outcome").count().collect()})


def with_outcome(
    decided: DataFrame, lines: DataFrame, default_reason: str, unlogged_users: DataFrame | None = None
) -> DataFrame:
    """Join the decided rows with the ledger lines of this attempt.

    :param default_reason: the reason of a row that should have been sent but has no line
    :param unlogged_users: users (`user_id`) whose requests may have been sent without a ledger line. They are `unknown`
        even if there is a line, because S3 reported its write as failed
    """
    names = ("outcome", "reason", "http_status")
    rows = decided.join(
        lines.select("user_id", *(F.col(name).alias(f"line_{name}") for name in names)), "user_id", "left"
    )
    from_line = {name: F.col(f"line_{name}") for name in names}
    without_line = F.when(F.col("in_doubt"), F.lit("unknown")).otherwise(F.lit("deferred"))
    if unlogged_users is not None:
        rows = rows.join(unlogged_users.select("user_id", F.lit(True).alias("unlogged")), "user_id", "left")
        from_line = {name: F.when(F.col("unlogged").isNull(), column) for name, column in from_line.items()}
        without_line = F.when(F.col("unlogged"), F.lit("unknown")).otherwise(without_line)
    to_send = F.col("decision") == SEND
    outcome = F.coalesce(from_line["outcome"], without_line)
    reason = F.coalesce(from_line["reason"], F.lit(default_reason))
    return rows.select(
        "user_id",
        F.when(to_send, outcome).otherwise(F.col("decision")).alias("outcome"),
        F.when(to_send, reason).otherwise(F.col("reason")).alias("reason"),
        F.when(to_send, from_line["http_status"]).otherwise(F.col("http_status")).alias("http_status"),
    )


def count_rest(
    outcomes: Counter[str], planned: DeliveryCounters, result: DispatchResult, killed: DeliveryCounters | None
) -> DeliveryCounters:
    """Count what the plan and the finished tasks do not: the requests of killed tasks, and the rows without a task.

    :param outcomes: final outcomes of all rows
    :param planned: counts of the plan
    :param killed: counts of the ledger lines of killed tasks, None if there are none
    """
    rest = DeliveryCounters()
    if killed is not None:
        rest.add(killed)
    # Rows of killed tasks are a part of the final outcomes; counting them from both would count them twice.
    rest.outcomes.clear()
    rest.errors.clear()
    for outcome, count in (outcomes - planned.outcomes - result.counters.outcomes).items():
        rest.count_outcome(outcome, cause_of_unsent_rows(result.stop_reason), count=count)
    return rest


def _unlogged_users(decided: DataFrame, lines: DataFrame, result: DispatchResult) -> DataFrame | None:
    if result.stop_reason is not None and result.stop_reason.cause == TASK_LOST:
        # The lost task may have sent any row that has no line.
        return decided.join(lines, "user_id", "left_anti")
    if result.unlogged_users:
        users = [(user,) for user in result.unlogged_users]
        return decided.sparkSession.createDataFrame(users, "user_id string")
    return None
