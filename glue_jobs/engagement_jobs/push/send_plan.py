"""Decide which users to send, from the scores, the date's ledger and the delivered snapshot.

A row's `decision` is SEND, or its outcome if it is not sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.contract.outcomes import SETTLED
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.push.selection import Selection

SEND = "send"
COLUMNS = ("user_id", "score", "revision", "in_doubt", "decision", "reason", "http_status")


@dataclass(frozen=True)
class Plan:
    """The decision for every scored row.

    :param decided: rows with COLUMNS
    :param counters: the rows that need no request, by outcome
    :param to_send: number of rows to send
    """

    decided: DataFrame
    counters: DeliveryCounters
    to_send: int

    @property
    def rows(self) -> int:
        """Number of all rows."""
        return self.counters.rows + self.to_send

    @property
    def rows_to_send(self) -> DataFrame:
        """The rows to send."""
        return self.decided.where(F.col("decision") == SEND)


def make_plan(scores: DataFrame, ledger: DataFrame, snapshot: DataFrame, selection: Selection) -> Plan:
    """Decide on every row of `scores` and count the decisions. For the parameters see `decide`."""
    last_user = find_last_user(scores, selection.limit)
    # Persisted: the delivery adds to the ledger, so the same query would later give other decisions.
    decided = decide(scores, ledger, snapshot, selection, last_user).persist()
    counters, to_send = DeliveryCounters(), 0
    for decision, reason, status, count in decided.groupBy("decision", "reason", "http_status").count().collect():
        if decision == SEND:
            to_send += count
        else:
            counters.count_outcome(decision, reason or decision, status, count=count)
    return Plan(decided, counters, to_send)


def decide(
    scores: DataFrame, ledger: DataFrame, snapshot: DataFrame, selection: Selection, last_user: str | None
) -> DataFrame:
    """Return the rows of `scores` with COLUMNS.

    The latest ledger entry of the user decides; `deferred` entries do not count, because they did not reach the CRM. If
    that entry is settled and has the same score, the row is settled. Otherwise the row is open.

    :param scores: `user_id` and `score`
    :param ledger: all ledger lines of the date
    :param snapshot: one row per user, from `delivery_history.Snapshot.current`
    :param last_user: the last user within the limit, None without a limit
    """
    may_have_reached_crm = F.col("outcome") != "deferred"
    if selection.resend_delivered:
        may_have_reached_crm &= F.col("run_id") == selection.run_id
    entry = F.struct("settled_at", "score", "outcome", "reason", "http_status", "run_id")
    entries = ledger.groupBy("user_id").agg(
        F.sum(F.col("outcome").isin(*SETTLED).cast("int")).cast("int").alias("settled_entries"),
        F.collect_list(F.when(F.col("outcome") == "unknown", F.col("score"))).alias("unknown_scores"),
        F.max(F.when(may_have_reached_crm, entry)).alias("entry"),
    )
    newest = snapshot.select("user_id", F.struct("score_date", "score", "outcome").alias("newest"))
    rows = scores.join(entries, "user_id", "left").join(newest, "user_id", "left")

    same_score = F.coalesce(F.col("entry.score") == F.col("score"), F.lit(False))
    settled = same_score & F.col("entry.outcome").isin(*SETTLED) & ~_is_retried(selection)
    decision = (
        F.when(settled, F.col("entry.outcome"))
        .when(F.col("newest.score_date") > selection.score_date, F.lit("superseded"))
        .when(_is_unchanged(selection), F.lit("unchanged"))
        .when(_is_only_planned(selection, last_user), F.lit("planned"))
        .otherwise(F.lit(SEND))
    )
    return rows.select(
        "user_id",
        "score",
        _revision().alias("revision"),
        (same_score & (F.col("entry.outcome") == "unknown")).alias("in_doubt"),
        decision.alias("decision"),
        F.when(settled, F.col("entry.reason")).alias("reason"),
        F.when(settled, F.col("entry.http_status")).alias("http_status"),
    )


def _revision() -> Column:
    """Count the earlier deliveries of the user that this one does not repeat: settled, or unknown with another score.

    The CRM may have applied an unknown score. Suppose that A and then B are unknown, and that A is sent again. With the
    first key of A, the CRM would replay its stored response and keep B.
    """
    other_scores = F.size(F.filter("unknown_scores", lambda score: score != F.col("score")))
    # F.size of a null array is -1, or null in ANSI mode.
    return F.when(F.col("settled_entries").isNull(), F.lit(0)).otherwise(F.col("settled_entries") + other_scores)


def _is_retried(selection: Selection) -> Column:
    """Whether a settled row is sent again: `retry_rejected` sends users whom the CRM rejected in an earlier run."""
    if selection.push_mode != "retry_rejected":
        return F.lit(False)
    return (F.col("entry.outcome") == "rejected") & (F.col("entry.run_id") != selection.run_id)


def _is_unchanged(selection: Selection) -> Column:
    if selection.push_mode != "changed":
        return F.lit(False)
    return (F.col("newest.outcome") == "delivered") & (F.col("newest.score") == F.col("score"))


def _is_only_planned(selection: Selection, last_user: str | None) -> Column:
    if selection.dry_run:
        return F.lit(True)
    if last_user is None:
        return F.lit(False)
    return F.col("user_id") > last_user


def find_last_user(scores: DataFrame, limit: int | None) -> str | None:
    """Return the last user id that a limited run may send, in order of user id; None without a limit."""
    if limit is None:
        return None
    last: str | None = scores.orderBy("user_id").limit(limit).agg(F.max("user_id")).collect()[0][0]
    return last
