"""The summary of one DAG run: what the dashboard lists, what XCom carries, what the report shows.

Pure: the same artifacts give the same bytes, and nothing here reads the clock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from engagement.aws import cost
from engagement.checks import drift
from engagement.contract.aggregate import Aggregate
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
from engagement.summary import aggregation
from engagement.summary.findings import PUSH_TASK
from engagement.summary.run_artifacts import RunArtifacts

_PERCENTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99, "max": 1.0}


def build(
    artifacts: RunArtifacts,
    findings: Sequence[Finding],
    *,
    max_failed_fraction: float,
    dpu_hour_usd: float,
    mode_reason: str,
    report_key: str,
    report_url: str,
) -> Summary:
    """The whole summary; no user ids."""
    scores, delivery = artifacts.scores.body, artifacts.delivery.body
    every = [aggregate for of_attempt in artifacts.aggregates.values() for aggregate in of_attempt]
    attempts = _attempts(artifacts)
    outcomes = _outcomes(artifacts)
    rows = _rows(artifacts)
    prices = [cost.usd(run.dpu_seconds, dpu_hour_usd) for run in artifacts.glue.runs]
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
        unaccounted=max(0, rows - outcomes.total),
        not_reached=outcomes.not_reached,
        max_failed_fraction=max_failed_fraction,
        stopped=delivery.stopped if delivery else None,
        not_before=delivery.not_before if delivery else None,
        posts=sum(attempt.posts for attempt in attempts),
        retries=sum(attempt.retries for attempt in attempts),
        status_codes=dict(sorted(aggregation.sum_counts(each.status_codes for each in every).items())),
        errors=delivery.errors if delivery else aggregation.merge_error_groups(artifacts.last_attempt),
        latency_ms=_latency(every),
        throughput=aggregation.throughput(artifacts.aggregates.values()),
        scores=_scores(artifacts),
        glue_runs=tuple(
            run.model_copy(update={"cost_usd": price}) for run, price in zip(artifacts.glue.runs, prices, strict=True)
        ),
        stopped_glue_runs=artifacts.glue.stopped,
        cost_usd=_total(prices),
        tasks=dict(artifacts.tasks),
        attempts=attempts,
        report_key=report_key,
        report_url=report_url,
        generated_from=GeneratedFrom(
            scores_manifest=artifacts.scores.key if scores else None,
            delivery_manifest=artifacts.delivery.key if delivery else None,
            aggregates=len(every),
        ),
    )
    return summary.model_copy(update={"headline": headline(artifacts, summary)})


def headline(artifacts: RunArtifacts, summary: Summary) -> str:
    """One sentence (two for a failed run) for a person who was woken up: the cause, then who was reached."""
    rows, delivered = summary.rows, summary.outcomes.delivered
    date, lost = summary.score_date, summary.not_reached
    if summary.findings:
        cause = summary.findings[0].detail.rstrip(".")
        if not summary.generated_from.delivery_manifest and not summary.generated_from.aggregates:
            started = PUSH_TASK in artifacts.latest_glue_runs or artifacts.glue.error
            return f"{cause}. {'What was sent is not known' if started else 'Nothing was sent'} for {date}."
        return f"{cause}. {delivered:,} of {rows:,} customers have their score of {date}."
    if summary.mode == "dry_run":
        return f"Dry run: {summary.outcomes.planned:,} of {rows:,} scores of {date} would be sent, none was."
    if lost:
        return f"{delivered:,} of {rows:,} scores of {date} are delivered; {lost:,} customers were not reached."
    if delivered == rows:
        return f"All {rows:,} scores of {date} are delivered."
    return f"{delivered:,} of {rows:,} scores of {date} are delivered; the others did not need sending."


def _attempts(artifacts: RunArtifacts) -> tuple[AttemptRequests, ...]:
    return tuple(
        AttemptRequests(
            job_run_id=attempt,
            posts=sum(each.posts for each in of_attempt),
            retries=sum(each.retries for each in of_attempt),
        )
        for attempt, of_attempt in artifacts.aggregates.items()
    )


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


def _latency(every: Sequence[Aggregate]) -> Latency:
    buckets = aggregation.sum_counts(each.latency for each in every)
    values = {name: aggregation.percentile(buckets, q) for name, q in _PERCENTILES.items()}
    values["mean"] = aggregation.mean(buckets)
    rounded = {name: None if value is None else round(value, 1) for name, value in values.items()}
    return Latency(**rounded, answered=buckets.total(), bars=aggregation.latency_bars(buckets))


def _total(costs: Sequence[float | None]) -> float | None:
    known = [amount for amount in costs if amount is not None]
    return round(sum(known), 4) if len(known) == len(costs) else None


def compact(summary: Summary) -> dict[str, Any]:
    """The summary as a dictionary cut down for XCom: the same keys, at most 8 KB of JSON whatever went wrong.

    The free texts of error groups stay in the report: XCom is shown to more people than the bucket is.
    """
    short = summary.model_dump(mode="json")
    short["mode_reason"] = _cut(summary.mode_reason, 200)
    short["headline"] = _cut(summary.headline, 300)
    short["findings"] = [_cut_all(each, 160, "advice") for each in short["findings"][:4]]
    if summary.input:
        del short["input"]["samples"]
        short["input"]["reasons"] = _top(summary.input.reasons, 8)
    if summary.checks:
        short["checks"] = {name: [_cut(each, 140) for each in said[:4]] for name, said in short["checks"].items()}
    if summary.stopped:
        short["stopped"] = _cut_all(short["stopped"], 120)
    short["status_codes"] = _top(summary.status_codes, 12)
    short["errors"] = [_cut_all(each, 40, "detail") for each in short["errors"][:5]]
    del short["latency_ms"]["bars"], short["throughput"]["series"]
    if summary.scores:
        short["scores"] = {"histogram": short["scores"]["histogram"]}
    short["glue_runs"] = [_cut_all(each, 70) for each in short["glue_runs"][-4:]]
    short["stopped_glue_runs"] = [_cut(each, 70) for each in summary.stopped_glue_runs[-4:]]
    short["attempts"] = [_cut_all(each, 70) for each in short["attempts"][-4:]]
    return short


def _cut_all(values: Mapping[str, Any], most: int, without: str = "") -> dict[str, Any]:
    return {name: _cut(value, most) for name, value in values.items() if name != without}


def _cut(value: Any, most: int) -> Any:
    if not isinstance(value, str) or _written(value) <= most:
        return value
    kept, length = "", _written("…")
    for character in value:
        length += _written(character)
        if length > most:
            break
        kept += character
    return kept + "…"


def _written(text: str) -> int:
    # JSON writes a character outside ASCII with up to twelve: what counts is the written length.
    return len(json.dumps(text)) - 2


def _top(counts: Mapping[str, int], most: int) -> dict[str, int]:
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = {_cut(name, 40): n for name, n in largest[:most]}
    rest = sum(n for _, n in largest[most:])
    return {**kept, "other": kept.get("other", 0) + rest} if rest else kept
