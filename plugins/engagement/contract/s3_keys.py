"""S3 keys that the Airflow side reads or writes, one function per key.

Dates are ISO text (``2026-11-23``). Keys do not start with a slash. Prefixes end with one.
"""

import hashlib
import re
from datetime import date, timedelta

MANIFEST = "_manifest.json"

_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9_.-]")
_SCORES_FOLDER = re.compile(r"^scores/dt=(\d{4}-\d{2}-\d{2})/$")
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
    """Return ``run_id`` as one safe path segment. Eight hex digits of its hash keep different ids apart."""
    digest = hashlib.sha256(run_id.encode()).hexdigest()
    return f"{_NOT_IN_KEYS.sub('-', run_id)}-{digest[:8]}"


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


def scores_root() -> str:
    """Return the prefix that holds one folder of scores per date."""
    return "scores/"


def scores_prefix(score_date: str) -> str:
    """Return the folder of a date's scores."""
    return f"scores/dt={score_date}/"


def scores_manifest_key(score_date: str) -> str:
    """Return the key of the manifest that the scoring job writes last."""
    return scores_prefix(score_date) + MANIFEST


def date_of_scores_folder(prefix: str) -> str | None:
    """Return the date D of a folder ``scores/dt=D/``, None for any other prefix."""
    match = _SCORES_FOLDER.match(prefix)
    return match[1] if match else None


def delivery_prefix(score_date: str, run_id: str, *, dry_run: bool) -> str:
    """Return the folder that the push job writes to: that of the date, or of the run if it is a dry run."""
    return f"dry_runs/{run_key(run_id)}/" if dry_run else f"responses/dt={score_date}/"


def delivery_manifest_key(score_date: str, run_id: str, *, dry_run: bool) -> str:
    """Return the key of the manifest that the push job writes last."""
    return delivery_prefix(score_date, run_id, dry_run=dry_run) + MANIFEST


def attempt_prefix(score_date: str, run_id: str, job_run_id: str, *, dry_run: bool) -> str:
    """Return the folder of an attempt's aggregates. A dry run has one attempt, without a folder of its own."""
    folder = delivery_prefix(score_date, run_id, dry_run=dry_run)
    return folder if dry_run else f"{folder}attempt={job_run_id}/"


def summary_prefix(score_date: str, run_id: str, *, dry_run: bool) -> str:
    """Return the common prefix of a run's summary (``+ ".json"``) and report (``+ ".html"``)."""
    return summary_prefix_of_key(score_date, run_key(run_id), dry_run=dry_run)


def summary_prefix_of_key(score_date: str, key: str, *, dry_run: bool) -> str:
    """Return the same as :func:`summary_prefix`, given the run key instead of the run id."""
    return f"dry_runs/{key}/summary" if dry_run else f"summaries/dt={score_date}/runs/{key}"


def latest_summary_key(score_date: str) -> str:
    """Return the key of the date's latest summary."""
    return f"summaries/dt={score_date}/summary.json"
