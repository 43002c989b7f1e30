"""How long the CRM wants to be left alone: kept in S3 at once, for a job that is killed can tell nobody at its end."""

from __future__ import annotations

from datetime import datetime

from engagement_jobs.common.aws import Store
from engagement_jobs.push.delivery_history import attempt_folders
from engagement_jobs.push.manifest import utc


def write_not_before(store: Store, folder: str, task: str, until: float) -> None:
    """Keep the time (epoch seconds) before which the CRM wants no requests of anybody."""
    store.write_json(f"{folder}pause-{task}.json", {"version": 1, "not_before": utc(until)})


def read_not_before(store: Store, score_date: str) -> float | None:
    """The latest time (epoch seconds) before which the CRM told any attempt of the date to send nothing."""
    prefixes = [f"{folder}pause-" for folder in attempt_folders(store, score_date)]
    keys = [prefix + name for prefix in prefixes for name, _ in store.list_files(prefix)]
    found = (store.read_json(key) for key in keys)
    return max((datetime.fromisoformat(each["not_before"]).timestamp() for each in found if each), default=None)
