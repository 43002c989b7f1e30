"""Where things lie in the output bucket; every key of the data contract that a job writes or reads."""

from __future__ import annotations

import hashlib
import re

MANIFEST = "_manifest.json"
SNAPSHOT_POINTER = "delivered/_current.json"


def run_key(run_id: str) -> str:
    """A run id as part of an S3 key: safe characters, and a hash so that no two runs share a key."""
    digest = hashlib.sha256(run_id.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '-', run_id)}-{digest}"


def scores_prefix(score_date: str) -> str:
    """Folder of a date's scores."""
    return f"scores/dt={score_date}/"


def invalid_prefix(score_date: str) -> str:
    """Folder of a date's invalid input rows."""
    return f"invalid/dt={score_date}/"


def responses_prefix(score_date: str) -> str:
    """Folder of everything that the CRM answered for a date."""
    return f"responses/dt={score_date}/"


def attempt_prefix(score_date: str, job_run_id: str) -> str:
    """Folder of one attempt's ledger and aggregates."""
    return f"{responses_prefix(score_date)}attempt={job_run_id}/"


def dry_run_prefix(run_id: str) -> str:
    """Folder of a run that sends nothing."""
    return f"dry_runs/{run_key(run_id)}/"


def snapshot_prefix(job_run_id: str) -> str:
    """Folder of one version of the delivered snapshot."""
    return f"delivered/v={job_run_id}/"
