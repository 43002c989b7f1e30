"""Where everything lies in S3: one function for each key that the Airflow side reads or writes.

Dates are ISO text (``2026-11-23``); keys never start with a slash, prefixes end with one.
"""

import hashlib
import re

MANIFEST = "_manifest.json"

_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9_.-]")
_SCORES_FOLDER = re.compile(r"^scores/dt=(\d{4}-\d{2}-\d{2})/$")


def run_key(run_id: str) -> str:
    """Return ``run_id`` as one safe path segment, with eight hex digits that keep different ids apart."""
    digest = hashlib.sha256(run_id.encode()).hexdigest()
    return f"{_NOT_IN_KEYS.sub('-', run_id)}-{digest[:8]}"


def activity_key(pattern: str, score_date: str) -> str:
    """Return the key of a date's extract: the setting ``activity_key`` with ``{score_date}`` filled in."""
    return pattern.replace("{score_date}", score_date)


def scores_root() -> str:
    """Return the prefix that holds one folder of scores for each date."""
    return "scores/"


def scores_prefix(score_date: str) -> str:
    """Return the folder of a date's scores."""
    return f"scores/dt={score_date}/"


def scores_manifest(score_date: str) -> str:
    """Return the key of the manifest that job 1 writes last."""
    return scores_prefix(score_date) + MANIFEST


def date_of_scores_folder(prefix: str) -> str | None:
    """Return the date of a folder ``scores/dt=D/``, None when the prefix is something else."""
    match = _SCORES_FOLDER.match(prefix)
    return match[1] if match else None


def delivery_prefix(score_date: str, run_id: str, *, dry_run: bool) -> str:
    """Return the folder that job 2 writes to: the date's responses, or the run's own folder of a dry run."""
    return f"dry_runs/{run_key(run_id)}/" if dry_run else f"responses/dt={score_date}/"


def delivery_manifest(score_date: str, run_id: str, *, dry_run: bool) -> str:
    """Return the key of the manifest that job 2 writes last."""
    return delivery_prefix(score_date, run_id, dry_run=dry_run) + MANIFEST


def attempt_prefix(score_date: str, run_id: str, job_run_id: str, *, dry_run: bool) -> str:
    """Return the folder of one attempt's aggregates (a dry run has one attempt and no folder for it)."""
    folder = delivery_prefix(score_date, run_id, dry_run=dry_run)
    return folder if dry_run else f"{folder}attempt={job_run_id}/"


def summary_prefix(score_date: str, run_id: str, *, dry_run: bool) -> str:
    """Return what a run's summary (``+ ".json"``) and report (``+ ".html"``) begin with."""
    return summary_prefix_of_key(score_date, run_key(run_id), dry_run=dry_run)


def summary_prefix_of_key(score_date: str, key: str, *, dry_run: bool) -> str:
    """Return the same for a run of which only the run key is known."""
    return f"dry_runs/{key}/summary" if dry_run else f"summaries/dt={score_date}/runs/{key}"


def latest_summary(score_date: str) -> str:
    """Return the key of the date's latest summary."""
    return f"summaries/dt={score_date}/summary.json"
