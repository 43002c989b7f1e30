"""The delivery manifest, key by key; see docs/reference/data-contract.md. The push job writes it last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from engagement_jobs.contract.outcomes import OUTCOMES
from engagement_jobs.crm_client.document.crm_document import CrmDocument
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.push.selection import Selection


def delivery_manifest(
    selection: Selection,
    *,
    job_run_id: str,
    scores_sha256: str,
    crm: CrmDocument,
    outcomes: Mapping[str, int],
    counters: DeliveryCounters,
    stop_reason: StopReason | None,
    retry_after_ignored: float | None,
    warnings: Sequence[str],
    attempts: Sequence[str],
) -> dict[str, Any]:
    """Return the delivery manifest as a JSON document.

    :param scores_sha256: SHA-256 of the scores that were pushed, from their manifest
    :param crm: the CRM document of the run
    :param outcomes: number of rows by outcome, counted from the ledger as it was written; adds up to all rows
    :param counters: requests of this attempt, and the reasons of rows that are not delivered
    :param retry_after_ignored: end of an earlier run's pause that this run ignored on request, in epoch seconds
    :param warnings: what a dry run found wrong with the access to the CRM
    :param attempts: Glue run ids of all attempts of this run and date, oldest first, this attempt last
    """
    return {
        "version": 1,
        "run_id": selection.run_id,
        "job_run_id": job_run_id,
        "score_date": selection.score_date,
        "mode": selection.push_mode,
        "resend_delivered": selection.resend_delivered,
        "scores_sha256": scores_sha256,
        "crm_version": crm.version,
        "crm_sha256": crm.sha256,
        "rows": sum(outcomes.values()),
        "outcomes": {outcome: outcomes.get(outcome, 0) for outcome in OUTCOMES},
        "stopped": {"cause": stop_reason.cause, "detail": stop_reason.detail} if stop_reason else None,
        "not_before": utc(stop_reason.not_before) if stop_reason and stop_reason.not_before else None,
        "retry_after_ignored": utc(retry_after_ignored) if retry_after_ignored is not None else None,
        "posts": counters.posts,
        "retries": counters.retries,
        "status_codes": dict(sorted(counters.status_codes.items())),
        "errors": counters.error_groups(),
        "warnings": list(warnings),
        "attempts": list(attempts),
    }


def utc(epoch: float) -> str:
    """Format epoch seconds as `2026-11-23T03:00:00Z`, rounded up so that a Retry-After is never shortened."""
    return datetime.fromtimestamp(epoch + 0.999, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
