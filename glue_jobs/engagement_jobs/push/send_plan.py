"""Decide which users to send, from the scores, the date's ledger and the delivered snapshot.

A row's `decision` is SEND, or its outcome if it is not sent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.contract.outcomes import ANSWERED_NOT_APPLIED, OPEN, OWN_FAILURE, REPLAYED, SETTLED, SHARED
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.push.attempts import EarlierAttempts
from engagement_jobs.push.selection import Selection

SEND = "send"
NO_ATTEMPTS = EarlierAttempts()
UNSAFE_PATH = "unsafe_path"
"""Reason of a user who gets no request, because the id would change the path of the URL."""
# A server may treat the percent-encoded form of a slash like a slash.
_UNSAFE_IN_PATH = r"(^|[/\\])\.\.?([/\\]|\z)"
COLUMNS = (*(field.name for field in dataclasses.fields(ScoreUpdate)), "decision", "reason", "http_status")


@dataclass(frozen=True)
class Plan:
    """The decision for every scored row.

    :param decided: rows with COLUMNS
    :param counters: the rows that need no request, by outcome
    :param to_send: number of rows to send
    :param failed_alone: how many of them failed alone, see `ScoreUpdate`
    :param repeated: number of user ids with several rows
    """

    decided: DataFrame
    counters: DeliveryCounters
    to_send: int
    failed_alone: int
    repeated: int

    @property
    def rows(self) -> int:
        """Number of all rows."""
        return self.counters.rows + self.to_send

    @property
    def rows_to_send(self) -> DataFrame:
        """The rows to send."""
        return self.decided.where(F.col("decision") == SEND)


def make_plan(
    scores: DataFrame,
    ledger: DataFrame,
    snapshot: DataFrame,
    selection: Selection,
    earlier: EarlierAttempts = NO_ATTEMPTS,
    *,
    user_in_path: bool = False,
) -> Plan:
    """Decide on every row of `scores` and count the decisions. For the parameters see `decide`."""
    last_user = find_last_user(scores, selection.limit)
    # Persisted: the delivery adds to the ledger, so the same query would later give other decisions.
    rows = decide(scores, ledger, snapshot, selection, last_user, earlier, user_in_path=user_in_path)
    decided = rows.persist()
    counters, to_send, failed_alone = DeliveryCounters(), 0, 0
    groups = decided.groupBy("decision", "reason", "http_status", "failed_alone").count()
    for decision, reason, status, alone, count in groups.collect():
        if decision == SEND:
            to_send += count
            failed_alone += count if alone else 0
        else:
            counters.count_outcome(decision, reason or decision, status, count=count)
    repeated = decided.groupBy("user_id").count().where("count > 1").count()
    return Plan(decided, counters, to_send, failed_alone, repeated)


def decide(
    scores: DataFrame,
    ledger: DataFrame,
    snapshot: DataFrame,
    selection: Selection,
    last_user: str | None,
    earlier: EarlierAttempts = NO_ATTEMPTS,
    *,
    user_in_path: bool = False,
) -> DataFrame:
    """Return the rows of `scores` with COLUMNS.

    The latest ledger entry of the user decides; `deferred` entries do not count, because they did not reach the CRM,
    unless the CRM replayed a refusal: that ends the doubt about earlier requests. If that entry is settled and has the
    same score, the row is settled. Otherwise the row is open.

    :param scores: `user_id` and `score`
    :param ledger: all ledger lines of the date, with the partition column `attempt`
    :param snapshot: one row per user, from `delivery_history.Snapshot.current`
    :param last_user: the last user within the limit, None without a limit
    :param user_in_path: the URL of a request contains the user id
    """
    entries = _summarize(ledger, selection, earlier)
    newest = snapshot.select("user_id", F.struct("score_date", "score", "outcome").alias("newest"))
    rows = scores.join(entries, "user_id", "left").join(newest, "user_id", "left")

    same_score = F.coalesce(F.col("entry.score") == F.col("score"), F.lit(False))
    settled = same_score & F.col("entry.outcome").isin(*SETTLED) & ~_is_retried(selection)
    in_doubt = same_score & (F.col("entry.outcome") == "unknown")
    unsafe = F.col("user_id").rlike(_UNSAFE_IN_PATH) & F.lit(user_in_path)
    decision = (
        F.when(settled, F.col("entry.outcome"))
        .when(unsafe, F.when(in_doubt, "unknown").otherwise("rejected"))
        .when(F.col("newest.score_date") > selection.score_date, F.lit("superseded"))
        .when(_is_unchanged(selection), F.lit("unchanged"))
        .when(_is_only_planned(selection, last_user), F.lit("planned"))
        .otherwise(F.lit(SEND))
    )
    return rows.select(
        "user_id",
        "score",
        _revision().alias("revision"),
        in_doubt.alias("in_doubt"),
        # The CRM would refuse the key with another body.
        F.when(in_doubt & ~F.col("entry.other_shape"), F.col("entry.key")).alias("stored_key"),
        F.regexp_replace("refusal.reason", f"{SHARED}$", "").alias("earlier_refusal"),
        F.coalesce("failed_alone", F.lit(False)).alias("failed_alone"),
        decision.alias("decision"),
        F.when(settled, F.col("entry.reason")).when(unsafe, UNSAFE_PATH).alias("reason"),
        F.when(settled, F.col("entry.http_status")).alias("http_status"),
    )


def _summarize(ledger: DataFrame, selection: Selection, earlier: EarlierAttempts) -> DataFrame:
    """Return one row per user of the ledger."""
    accepted_by = _accepted_by(ledger, earlier.same_endpoint)
    ledger = ledger.withColumn("other_shape", F.col("attempt").isin(*earlier.other_shape))
    outcome, reason = F.col("outcome"), F.col("reason")
    # A stored refusal answers the earlier requests with its key.
    may_have_reached_crm = (outcome != "deferred") | reason.endswith(REPLAYED)
    if selection.resend_delivered:
        may_have_reached_crm &= F.col("run_id") == selection.run_id
    answered = outcome.isin(*SETTLED) | ((outcome == "deferred") & reason.rlike(ANSWERED_NOT_APPLIED))
    refused = (outcome == "deferred") & reason.endswith(SHARED) & F.col("attempt").isin(*accepted_by)
    entry = F.struct("settled_at", "score", "outcome", "reason", "http_status", "run_id", "key", "other_shape")
    last = F.struct("settled_at", "outcome", "reason", "first_sent_at", "attempt")
    # The last settled line of each attempt: when others were answered.
    answers = ledger.where(outcome.isin(*SETTLED)).groupBy("attempt").agg(F.max("settled_at").alias("answered_at"))
    by_user = ledger.groupBy("user_id").agg(
        F.sum(answered.cast("int")).cast("int").alias("answered_entries"),
        F.collect_list(F.when(outcome == "unknown", F.struct("score", "other_shape"))).alias("unknown"),
        F.max(F.when(may_have_reached_crm, entry)).alias("entry"),
        F.max(F.when(refused, F.struct("settled_at", "reason"))).alias("refusal"),
        F.max(last).alias("last"),
    )
    failed = F.col("last.outcome").isin(*OPEN) & F.col("last.reason").rlike(OWN_FAILURE)
    return (
        by_user.withColumn("attempt", F.col("last.attempt"))
        .join(F.broadcast(answers), "attempt", "left")
        .withColumn("failed_alone", failed & (F.col("answered_at") > F.col("last.first_sent_at")))
    )


def _accepted_by(ledger: DataFrame, same_endpoint: Collection[str]) -> Collection[str]:
    """Return the attempts that sent to this endpoint if the CRM there has accepted any user of the date, else none."""
    if not same_endpoint:
        return ()
    accepted = (F.col("outcome") == "delivered") & F.col("attempt").isin(*same_endpoint)
    return () if ledger.where(accepted).isEmpty() else same_endpoint


def _revision() -> Column:
    """Count the earlier deliveries that this one does not repeat: answered, or unknown with another score or shape.

    The CRM may have applied an unknown score. Suppose that A and then B are unknown, and that A is sent again. With the
    first key of A, the CRM would replay its stored response and keep B. It would also replay the response to a user
    who was deferred after it, because the run was misconfigured.
    """
    others = F.size(F.filter("unknown", lambda sent: sent["other_shape"] | (sent["score"] != F.col("score"))))
    # F.size of a null array is -1, or null in ANSI mode.
    return F.when(F.col("answered_entries").isNull(), F.lit(0)).otherwise(F.col("answered_entries") + others)


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
