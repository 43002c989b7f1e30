"""S3 keys of the data contract that a job reads or writes."""

from __future__ import annotations

import hashlib
import re
from datetime import date, timedelta

MANIFEST = "_manifest.json"
SNAPSHOT_POINTER = "delivered/_current.json"
ACTIVITY_KEY_FORM = (
    "an S3 key with the date as {score_date}, as {year}, {month} and {day}, or as {previous_date} (the day before), "
    "and without other braces, wildcards (* ? [ ] \\), blanks, a slash at either end, or s3://bucket/"
)
_PLACEHOLDER = r"\{(score_date|previous_date|year|month|day)\}"
_CHARACTER = r"[^\s{}*?\[\]\\]"
# The parameter of infra/workflow.yaml has the same pattern.
ACTIVITY_KEY_PATTERN = (
    r"((?=.*\{(score_date|previous_date)\})|(?=.*\{year\})(?=.*\{month\})(?=.*\{day\}))"
    rf"(?!/|[sS]3:)(({_CHARACTER}|{_PLACEHOLDER})*({_PLACEHOLDER}|(?!/){_CHARACTER}))"
)


def run_key(run_id: str) -> str:
    """Return a run id as part of an S3 key: safe characters, and a hash so that no two runs share a key."""
    digest = hashlib.sha256(run_id.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '-', run_id)}-{digest}"


def check_activity_key(pattern: str) -> None:
    """Refuse a key that does not name exactly one object for each date.

    :raises ValueError: the text is not in the form of `ACTIVITY_KEY_FORM`
    """
    if not re.fullmatch(ACTIVITY_KEY_PATTERN, pattern):
        raise ValueError(pattern)


def activity_key(pattern: str, score_date: str) -> str:
    """Return the key of a date's extract.

    :param pattern: the setting or argument `activity_key`
    :param score_date: YYYY-MM-DD
    """
    year, month, day = score_date.split("-")
    previous = (date.fromisoformat(score_date) - timedelta(days=1)).isoformat()
    values = {"score_date": score_date, "previous_date": previous, "year": year, "month": month, "day": day}
    for name, value in values.items():
        pattern = pattern.replace(f"{{{name}}}", value)
    return pattern


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
