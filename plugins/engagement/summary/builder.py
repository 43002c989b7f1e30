"""The summary of one DAG run, for the report, the notification, the dashboard and XCom.

Nothing here reads the clock: the same artifacts give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from engagement.aws import glue_cost
from engagement.checks import drift
from engagement.contract.aggregate import Aggregate
from engagement.contract.arguments import DRY_RUN
from engagement.contract.outcomes import OUTCOMES, Outcomes
from engagement.contract.summary import (
    AttemptRequests,
    Finding,
    GeneratedFrom,
    InputRows,
    Latency,
    RecentScores,
    Scores,
    Summary,
)
from engagement.summary import aggregation, ledger_counts
from engagement.summary.findings import PUSH_TASK
from engagement.summary.run_artifacts import RunArtifacts

_PERCENTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99, "max": 1.0}


def build_summary(  # size: one keyword for each field of the summary
    artifacts: RunArtifacts,
    findings: Sequence[Finding],
    *,
    max_failed_fraction: float,
    dpu_hour_usd: float,
    mode_reason: str,
    report_key: str,
    report_url: str,
) -> Summary:
    """Return the full summary. It has no user ids."""
    scores, delivery = artifacts.scores.body, artifacts.delivery.body
    aggregates = [aggregate for of_attempt in artifacts.aggregates.values() for aggregate in of_attempt]
    attempts = _attempts(artifacts)
    outcomes = _outcomes(artifacts)
    rows = _rows(artifacts)
    unaccounted = max(0, rows - outcomes.total)
    complete = _is_complete(artifacts)
    costs = [glue_cost.cost_usd(run.dpu_seconds, dpu_hour_usd) for run in artifacts.glue.runs]
    summary = Summary(
        dag_id=artifacts.dag_id,
        run_id=artifacts.run_id,
        score_date=artifacts.score_date,
        mode=artifacts.mode,
        mode_reason=mode_reason,
        status="failed" if findings else "success",
        headline="",
        findings=tuple(findings),
        input=InputRows(**dict(scores.rows), reasons=scores.reasons, samples=scores.samples) if scores else None,
        checks=artifacts.checks,
        rows=rows,
        outcomes=outcomes,
        counts_complete=complete,
        unaccounted=unaccounted,
        not_reached=outcomes.not_reached + (0 if complete else unaccounted),
        max_failed_fraction=max_failed_fraction,
        stopped=delivery.stopped if delivery else None,
        not_before=delivery.not_before if delivery else None,
        retry_after_ignored=delivery.retry_after_ignored if delivery else None,
        crm_version=delivery.crm_version if delivery else None,
        crm_sha256=delivery.crm_sha256 if delivery else None,
        push_warnings=delivery.warnings if delivery else (),
        posts=sum(attempt.posts for attempt in attempts),
        retries=sum(attempt.retries for attempt in attempts),
        status_codes=dict(sorted(aggregation.sum_counts(each.status_codes for each in aggregates).items())),
        errors=delivery.errors if delivery else aggregation.merge_error_groups(artifacts.last_attempt),
        latency_ms=_latency(aggregates),
        throughput=aggregation.throughput(artifacts.aggregates.values()),
        scores=_scores(artifacts),
        glue_runs=tuple(
            run.model_copy(update={"cost_usd": usd}) for run, usd in zip(artifacts.glue.runs, costs, strict=True)
        ),
        stopped_glue_runs=artifacts.glue.stopped,
        cost_usd=_total(costs),
        tasks=dict(artifacts.tasks),
        attempts=attempts,
        report_key=report_key,
        report_url=report_url,
        generated_from=GeneratedFrom(
            scores_manifest=artifacts.scores.key if scores else None,
            delivery_manifest=artifacts.delivery.key if delivery else None,
            aggregates=sum(each.task != ledger_counts.TASK for each in aggregates),
            ledger_lines=sum(each.rows for each in aggregates if each.task == ledger_counts.TASK),
        ),
    )
    return summary.model_copy(update={"headline": _headline(artifacts, summary)})


def _headline(artifacts: RunArtifacts, summary: Summary) -> str:
    """Return one or two sentences for the on-call engineer: what happened, then how many users were reached."""
    rows, delivered, date = summary.rows, summary.outcomes.delivered, summary.score_date
    if summary.findings:
        cause = summary.findings[0].detail.rstrip(".")
        if not _may_have_sent(artifacts):
            return f"{cause}. Nothing was sent for {date}."
        if summary.counts_complete:
            return f"{cause}. {delivered:,} of {rows:,} scores for {date} were delivered."
        if not artifacts.aggregates:
            return f"{cause}. It is unknown how many scores for {date} were delivered."
        total = f" of {rows:,}" if rows else ""
        return (
            f"{cause}. At least {delivered:,}{total} scores for {date} were delivered; "
            f"{summary.not_reached_bound}{summary.not_reached:,} users were not reached."
        )
    if summary.mode == "dry_run":
        return f"Dry run: {summary.outcomes.planned:,} of {rows:,} scores for {date} would be sent. Nothing was sent."
    if summary.not_reached:
        reached = f"{delivered:,} of {rows:,} scores for {date} were delivered."
        return f"{reached} {summary.not_reached:,} users were not reached."
    if delivered == rows:
        return f"All {rows:,} scores for {date} were delivered."
    return f"{delivered:,} of {rows:,} scores for {date} were delivered. The others did not need to be sent."


def _attempts(artifacts: RunArtifacts) -> tuple[AttemptRequests, ...]:
    return tuple(
        AttemptRequests(
            job_run_id=job_run_id,
            posts=sum(each.posts for each in aggregates),
            retries=sum(each.retries for each in aggregates),
            complete=_all_rows_counted(artifacts, aggregates) and not _has_lost_task(aggregates),
        )
        for job_run_id, aggregates in artifacts.aggregates.items()
    )


def _may_have_sent(artifacts: RunArtifacts) -> bool:
    if artifacts.mode == DRY_RUN:
        return False
    started = PUSH_TASK in artifacts.latest_glue_runs or bool(artifacts.glue.error)
    return started or artifacts.delivery.body is not None or bool(artifacts.aggregates)


def _is_complete(artifacts: RunArtifacts) -> bool:
    """Return whether the outcomes are those of all users. The push job writes its manifest when it has them all."""
    if artifacts.delivery.body is not None or not _may_have_sent(artifacts):
        return True
    return _all_rows_counted(artifacts, artifacts.last_attempt) and not artifacts.broken_aggregates


def _all_rows_counted(artifacts: RunArtifacts, aggregates: Sequence[Aggregate]) -> bool:
    """Return whether an attempt's aggregates have an outcome for each row, as they do once its tasks have ended."""
    rows = _rows(artifacts)
    return rows > 0 and sum(each.rows for each in aggregates) == rows


def _has_lost_task(aggregates: Sequence[Aggregate]) -> bool:
    """Return whether a task was lost, whose requests in flight nothing counted."""
    return any(group.reason == "task_lost" for each in aggregates for group in each.errors)


def _outcomes(artifacts: RunArtifacts) -> Outcomes:
    if artifacts.delivery.body:
        return artifacts.delivery.body.outcomes
    counted = aggregation.sum_counts(each.outcomes for each in artifacts.last_attempt)
    return Outcomes(**{name: counted[name] for name in OUTCOMES})


def _rows(artifacts: RunArtifacts) -> int:
    scores, delivery = artifacts.scores.body, artifacts.delivery.body
    if scores is not None:
        return scores.rows.scored
    return delivery.rows if delivery is not None else 0


def _scores(artifacts: RunArtifacts) -> Scores | None:
    scores = artifacts.scores.body
    if scores is None:
        return None
    usual = drift.mean_shares(artifacts.recent_histograms.values())
    recent = None
    if usual and sum(scores.histogram):
        recent = RecentScores(
            dates=len(artifacts.recent_histograms),
            histogram=tuple(round(share, 6) for share in usual),
            drift=round(drift.total_variation_distance(scores.histogram, usual), 4),
        )
    return Scores(
        histogram=scores.histogram,
        weights=scores.weights,
        sha256=scores.sha256,
        scored_at=scores.scored_at,
        recent=recent,
    )


def _latency(aggregates: Sequence[Aggregate]) -> Latency:
    buckets = aggregation.sum_counts(each.latency for each in aggregates)
    values = {name: aggregation.percentile(buckets, fraction) for name, fraction in _PERCENTILES.items()}
    values["mean"] = aggregation.mean(buckets)
    rounded = {name: None if value is None else round(value, 1) for name, value in values.items()}
    return Latency(**rounded, answered=buckets.total(), bars=aggregation.latency_bars(buckets))


def _total(costs: Sequence[float | None]) -> float | None:
    known = [usd for usd in costs if usd is not None]
    return round(sum(known), 4) if len(known) == len(costs) else None
