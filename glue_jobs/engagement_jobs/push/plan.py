"""Who is sent: every scored row meets the date's ledger and the delivered snapshot, in two joins.

A row's `decision` is `send`, or the outcome that it has without being sent.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.contract.outcomes import SETTLED

SEND = "send"
COLUMNS = ("user_id", "score", "revision", "in_doubt", "decision", "reason", "http_status")


def with_decision(
    scores: DataFrame, ledger: DataFrame, snapshot: DataFrame, arguments: PushArguments, last_user: str | None
) -> DataFrame:
    """Rows of `scores` (`user_id`, `score`) with COLUMNS.

    The latest entry of a user and date that is not `deferred` decides, for only such an entry may have reached the
    CRM: when it is settled and of this very score, the row is settled; otherwise the row is open.

    :param ledger: all lines of the date
    :param snapshot: one row a user, as `delivery_history.Snapshot.current` gives it
    :param last_user: the last user within the limit, None when there is no limit
    """
    reached = F.col("outcome") != "deferred"
    if arguments.resend_delivered:
        reached &= F.col("run_id") == arguments.run_id
    entries = ledger.groupBy("user_id").agg(
        F.sum(F.col("outcome").isin(*SETTLED).cast("int")).cast("int").alias("settled"),
        F.collect_list(F.when(F.col("outcome") == "unknown", F.col("score"))).alias("doubtful"),
        F.max(F.when(reached, F.struct("settled_at", "score", "outcome", "reason", "http_status", "run_id"))).alias(
            "entry"
        ),
    )
    sent = snapshot.select("user_id", F.struct("score_date", "score", "outcome").alias("sent"))
    same = F.coalesce(F.col("entry.score") == F.col("score"), F.lit(False))
    settled = same & F.col("entry.outcome").isin(*SETTLED) & ~_sent_again(arguments)
    rows = scores.join(entries, "user_id", "left").join(sent, "user_id", "left")
    decision = (
        F.when(settled, F.col("entry.outcome"))
        .when(F.col("sent.score_date") > arguments.score_date, F.lit("superseded"))
        .when(_unchanged(arguments), F.lit("unchanged"))
        .when(_planned(arguments, last_user), F.lit("planned"))
        .otherwise(F.lit(SEND))
    )
    return rows.select(
        "user_id",
        "score",
        _revision().alias("revision"),
        (same & (F.col("entry.outcome") == "unknown")).alias("in_doubt"),
        decision.alias("decision"),
        F.when(settled, F.col("entry.reason")).alias("reason"),
        F.when(settled, F.col("entry.http_status")).alias("http_status"),
    )


def _revision() -> Column:
    """How often the user was sent something before that this score is not another try of.

    Settled entries, and unknown ones of another score: those may have been applied, and after A, B, A with both in
    doubt an honest CRM would answer the last A from memory while it holds B.
    """
    others = F.size(F.filter("doubtful", lambda score: score != F.col("score")))
    # The size of no array at all is -1, or null under ANSI rules.
    return F.when(F.col("settled").isNull(), F.lit(0)).otherwise(F.col("settled") + others)


def _sent_again(arguments: PushArguments) -> Column:
    """Whether a settled row is sent all the same: `retry_rejected` tries again what an earlier run saw rejected."""
    if arguments.push_mode != "retry_rejected":
        return F.lit(False)
    return (F.col("entry.outcome") == "rejected") & (F.col("entry.run_id") != arguments.run_id)


def _unchanged(arguments: PushArguments) -> Column:
    if arguments.push_mode != "changed":
        return F.lit(False)
    return (F.col("sent.outcome") == "delivered") & (F.col("sent.score") == F.col("score"))


def _planned(arguments: PushArguments, last_user: str | None) -> Column:
    if arguments.push_mode == "dry_run":
        return F.lit(True)
    return F.lit(False) if last_user is None else F.col("user_id") > last_user


def last_user_within(scores: DataFrame, limit: int | None) -> str | None:
    """The user id up to which a limited run sends: the `limit`-th in order of user id."""
    if limit is None:
        return None
    last: str | None = scores.orderBy("user_id").limit(limit).agg(F.max("user_id")).collect()[0][0]
    return last


def with_outcome(
    decided: DataFrame, attempt: DataFrame, unsent_reason: str, unlogged_users: DataFrame | None = None
) -> DataFrame:
    """The decided rows with `outcome`, `reason` and `http_status` after an attempt, from the ledger as written.

    :param attempt: ledger lines of this attempt
    :param unsent_reason: why a row that should have been sent has no line
    :param unlogged_users: users (`user_id`) whose request may have been sent without a ledger line. They are `unknown`
        even if a line exists, because S3 reported its write as failed
    """
    lines = attempt.select(
        "user_id", *(F.col(name).alias(f"new_{name}") for name in ("outcome", "reason", "http_status"))
    )
    sent = F.col("decision") == SEND
    rows = decided.join(lines, "user_id", "left")
    silent = F.when(F.col("in_doubt"), F.lit("unknown")).otherwise(F.lit("deferred"))
    told = [F.col(f"new_{name}") for name in ("outcome", "reason", "http_status")]
    if unlogged_users is not None:
        rows = rows.join(unlogged_users.select("user_id", F.lit(True).alias("unlogged")), "user_id", "left")
        silent = F.when(F.col("unlogged"), F.lit("unknown")).otherwise(silent)
        told = [F.when(F.col("unlogged").isNull(), column) for column in told]
    return rows.select(
        "user_id",
        F.when(sent, F.coalesce(told[0], silent)).otherwise(F.col("decision")).alias("outcome"),
        F.when(sent, F.coalesce(told[1], F.lit(unsent_reason))).otherwise(F.col("reason")).alias("reason"),
        F.when(sent, told[2]).otherwise(F.col("http_status")).alias("http_status"),
    )
