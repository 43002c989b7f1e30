"""S3 keys of the data contract that a job reads or writes."""

from __future__ import annotations

import hashlib
import re

MANIFEST = "_manifest.json"
SNAPSHOT_POINTER = "delivered/_current.json"


def run_key(run_id: str) -> str:
    """Return a run id as part of an S3 key: safe characters, and a hash so that no two runs share a key."""
    digest = hashlib.sha256(run_id.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '-', run_id)}-{digest}"


def activity_key(pattern: str, score_date: str) -> str:
    """Return the key of a date's extract: `pattern` with every `{score_date}` replaced."""
    return pattern.replace("{score_date}", score_date)


def scores_prefix(score_date: str) -> str:
    """Return the folder of a date's scores."""
    return f"scores/dt={score_date}/"


def invalid_prefix(score_date: str) -> str:
    """Return the folder of a date's invalid rows."""
    return f"invalid/dt={score_date}/"


def responses_prefix(score_date: str) -> str:
    """Return the folder of a date's delivery manifest, failed.csv and attempts."""
    return f"responses/dt={score_date}/"


def attempt_prefix(score_date: str, job_run_id: str) -> str:
    """Return the folder of one attempt's ledger and aggregates."""
    return f"{responses_prefix(score_date)}attempt={job_run_id}/"


def dry_run_prefix(run_id: str) -> str:
    """Return the folder of a dry run."""
    return f"dry_runs/{run_key(run_id)}/"


def snapshot_prefix(job_run_id: str) -> str:
    """Return the folder of one version of the delivered snapshot."""
    return f"delivered/v={job_run_id}/"
