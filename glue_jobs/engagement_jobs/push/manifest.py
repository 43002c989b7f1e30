"""The delivery manifest, key by key; see docs/reference/data-contract.md. The push job writes it last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.contract.outcomes import OUTCOMES
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.stop_reasons import StopReason


def delivery_manifest(
    arguments: PushArguments,
    scores: Mapping[str, Any],
    *,
    outcomes: Mapping[str, int],
    counters: DeliveryCounters,
    stop: StopReason | None,
    attempts: Sequence[str],
) -> dict[str, Any]:
    """What job 2 did.

    :param scores: the scores manifest that was delivered
    :param outcomes: rows by outcome, counted from the ledger as it was written
    :param counters: requests of this attempt, and why rows are not delivered
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
        "posts": counters.posts,
        "retries": counters.retries,
        "status_codes": dict(sorted(counters.status_codes.items())),
        "errors": counters.error_groups(),
        "attempts": list(attempts),
    }


def utc(epoch: float) -> str:
    """Epoch seconds as `2026-11-23T03:00:00Z`; rounded up, for a pause is never shortened."""
    return datetime.fromtimestamp(epoch + 0.999, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
