"""The two manifests, key by key. Written last, read by whoever comes next; see docs/reference/data-contract.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from engagement_jobs.contract.arguments import PushArguments, ScoreArguments
from engagement_jobs.crm_client.response_classification import OUTCOMES
from engagement_jobs.delivery.counters import Tally
from engagement_jobs.delivery.stop_reasons import Stop
from engagement_jobs.scoring.weights import Weights


def scores_manifest(
    arguments: ScoreArguments,
    *,
    read: Mapping[str, int],
    rows: Mapping[str, int],
    reasons: Mapping[str, int],
    samples: Mapping[str, Sequence[Mapping[str, Any]]],
    histogram: Sequence[int],
    files: Sequence[tuple[str, int]],
    sha256: str,
    weights: Weights,
) -> dict[str, Any]:
    """What job 1 wrote.

    :param read: rows by the key of each file of the extract
    :param rows: `input`, `scored`, `rejected`, `deduplicated`
    :param samples: for each reason, the metrics of one or two rows that were rejected for it
    :param files: name and bytes of each CSV file
    :param sha256: over the bytes of the files in order of name
    """
    return {
        "version": 1,
        "run_id": arguments.run_id,
        "job_run_id": arguments.job_run_id,
        "score_date": arguments.score_date,
        "scored_at": arguments.scored_at,
        "input": [{"key": key, "etag": etag, "rows": read[key]} for key, etag in arguments.input_etags.items()],
        "rows": dict(rows),
        "reasons": dict(reasons),
        "samples": {reason: list(rows) for reason, rows in samples.items()},
        "files": [{"name": name, "bytes": size} for name, size in files],
        "sha256": sha256,
        "weights": {"version": weights.version, "sha256": weights.sha256},
        "histogram": list(histogram),
    }


def delivery_manifest(
    arguments: PushArguments,
    scores: Mapping[str, Any],
    *,
    outcomes: Mapping[str, int],
    tally: Tally,
    stop: Stop | None,
    attempts: Sequence[str],
) -> dict[str, Any]:
    """What job 2 did.

    :param scores: the scores manifest that was delivered
    :param outcomes: rows by outcome, counted from the ledger as it was written
    :param tally: requests of this attempt, and why rows are not delivered
    :param attempts: ids of all attempts of this run and date, oldest first, this one last
    """
    return {
        "version": 1,
        "run_id": arguments.run_id,
        "job_run_id": arguments.job_run_id,
        "score_date": arguments.score_date,
        "mode": arguments.push_mode,
        "resend_delivered": arguments.resend_delivered,
        "scores_sha256": scores["sha256"],
        "rows": scores["rows"]["scored"],
        "outcomes": {outcome: outcomes.get(outcome, 0) for outcome in OUTCOMES},
        "stopped": {"cause": stop.cause, "detail": stop.detail} if stop else None,
        "not_before": utc(stop.not_before) if stop and stop.not_before else None,
        "posts": tally.posts,
        "retries": tally.retries,
        "status_codes": dict(sorted(tally.status_codes.items())),
        "errors": tally.error_groups(),
        "attempts": list(attempts),
    }


def utc(epoch: float) -> str:
    """Epoch seconds as `2026-11-23T03:00:00Z`; rounded up, for a pause is never shortened."""
    return datetime.fromtimestamp(epoch + 0.999, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
