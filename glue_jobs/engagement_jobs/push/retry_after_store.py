"""Store the end of a long pause that the CRM requested, so that the next attempt waits for it too.

A task stores it immediately, because a killed job writes no manifest.
"""

from __future__ import annotations

from datetime import datetime

from engagement_jobs.common.aws import Store
from engagement_jobs.contract import s3_keys
from engagement_jobs.push.delivery_history import attempt_folders
from engagement_jobs.push.delivery_manifest import utc


def save_retry_after(store: Store, folder: str, task: str, not_before: float) -> None:
    """Write the time before which the CRM accepts no requests.

    :param folder: S3 folder of the attempt
    :param not_before: epoch seconds
    """
    store.write_json(f"{folder}pause-{task}.json", {"version": 1, "not_before": utc(not_before)})


def read_retry_after(store: Store, score_date: str) -> float | None:
    """Return the latest time before which the CRM accepts no requests, as epoch seconds.

    Reads the delivery manifest of the date and the pauses that the tasks of all its attempts stored.
    """
    keys = [s3_keys.responses_prefix(score_date) + s3_keys.MANIFEST]
    for folder in attempt_folders(store, score_date):
        prefix = f"{folder}pause-"
        keys += [prefix + name for name, _ in store.list_files(prefix)]
    documents = (store.read_json(key) for key in keys)
    texts = [document["not_before"] for document in documents if document and document.get("not_before")]
    return max((datetime.fromisoformat(text).timestamp() for text in texts), default=None)
