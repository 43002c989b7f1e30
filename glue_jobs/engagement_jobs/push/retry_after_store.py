"""Store the end of a long pause that the CRM requested, so that the next attempt waits for it too.

A task stores it immediately, because a killed job writes no manifest. The argument `ignore_retry_after` overrides what
earlier runs stored, but not what the CRM requests during the run itself: Airflow's retries of the run obey that. A Glue
workflow retries nothing, so there every start overrides what is stored.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engagement_jobs.common.aws import Store
from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.push.delivery_history import attempt_folders
from engagement_jobs.push.delivery_manifest import utc

log = logging.getLogger("engagement.push")


@dataclass(frozen=True)
class EarlierPause:
    """The pauses that earlier attempts stored. Times are epoch seconds.

    :param not_before: end of the pause to obey; None if there is none
    :param ignored: end of the pause that the run ignores on request; None if there is none
    """

    not_before: float | None = None
    ignored: float | None = None


def save_retry_after(store: Store, folder: str, task: str, not_before: float, overriding_run: str | None) -> None:
    """Write the time before which the CRM accepts no requests.

    :param folder: S3 folder of the attempt
    :param not_before: epoch seconds
    :param overriding_run: id of the run if it ignores the pauses of earlier runs, else None
    """
    document = {"version": 1, "not_before": utc(not_before), "overriding_run": overriding_run}
    store.write_json(f"{folder}pause-{task}.json", document)


def read_retry_after(store: Store, arguments: PushArguments, *, in_workflow: bool) -> EarlierPause:
    """Return the latest time before which the CRM accepts no requests, and log what is ignored or shortened.

    Reads the delivery manifest of the date and the pauses that the tasks of all its attempts stored.

    :param in_workflow: whether a Glue workflow started the job
    """
    if arguments.push_mode == "dry_run":
        return EarlierPause()  # it sends nothing
    now, obeyed, ignored = time.time(), [0.0], [0.0]
    for document in _read_documents(store, arguments.score_date):
        is_of_this_run = document.get("overriding_run") == arguments.run_id or (
            document.get("retry_after_ignored") and document["run_id"] == arguments.run_id
        )
        is_ignored = arguments.ignore_retry_after and (in_workflow or not is_of_this_run)
        ends = ignored if is_ignored else obeyed
        ends.append(datetime.fromisoformat(document["not_before"]).timestamp())
    not_before = _shorten(max(obeyed), now + arguments.max_retry_after_seconds)
    if max(ignored) <= now:
        return EarlierPause(not_before or None)
    log.warning("ignoring the CRM's request to send nothing before %s (ignore_retry_after)", utc(max(ignored)))
    return EarlierPause(not_before or None, max(ignored))


def _read_documents(store: Store, score_date: str) -> Iterator[Mapping[str, Any]]:
    keys = [s3_keys.responses_prefix(score_date) + s3_keys.MANIFEST]
    for folder in attempt_folders(store, score_date):
        prefix = f"{folder}pause-"
        keys += [prefix + name for name, _ in store.list_files(prefix)]
    for key in keys:
        document = store.read_json(key)
        if document and document.get("not_before"):
            yield document


def _shorten(not_before: float, latest: float) -> float:
    if not_before <= latest:
        return not_before
    log.warning(
        "the stored pause of the CRM ends at %s; shortened to %s (max_retry_after_seconds)",
        utc(not_before),
        utc(latest),
    )
    return latest
