"""Attempts: the Glue runs of the push job for one DAG run and date."""

from __future__ import annotations

from dataclasses import dataclass

from engagement_jobs.common.aws import Store
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.push.delivery_history import attempt_folders

PLAN = "plan"
CANARY = "canary"
REST = "rest"
"""Names of the aggregates that do not belong to a push task."""
_ENDPOINT = "endpoint.json"


@dataclass(frozen=True)
class Attempt:
    """One attempt.

    :param folder: S3 folder of its ledger and aggregates, with a slash at the end
    :param run_id: id of the DAG run
    :param job_run_id: id of the Glue run
    :param started_at: UTC time, such as 2026-11-23T03:00:00Z
    """

    folder: str
    run_id: str
    job_run_id: str
    started_at: str

    def write_aggregate(self, store: Store, task: str, counters: DeliveryCounters) -> None:
        """Write the aggregate of one task."""
        document = counters.aggregate(self.run_id, self.job_run_id, task, self.started_at)
        store.write_json(f"{self.folder}agg-{task}.json", document)

    def write_endpoint(self, store: Store, endpoint: str) -> None:
        """Write where the attempt sends.

        :param endpoint: normalized URL
        """
        store.write_json(f"{self.folder}{_ENDPOINT}", {"version": 1, "endpoint": endpoint})


def attempts_at(store: Store, score_date: str, endpoint: str) -> list[str]:
    """List the Glue run ids of the attempts of a date, of any run, that sent to an endpoint.

    :param endpoint: normalized URL
    """
    folders = attempt_folders(store, score_date)
    documents = {folder: store.read_json(f"{folder}{_ENDPOINT}") for folder in folders}
    return [
        folder.rstrip("/").partition("attempt=")[2]
        for folder, document in documents.items()
        if document and document["endpoint"] == endpoint
    ]


def find_attempts(store: Store, score_date: str, run_id: str) -> list[Attempt]:
    """List all attempts of a run and date, oldest first."""
    attempts = []
    for folder in attempt_folders(store, score_date):
        document = store.read_json(f"{folder}agg-{PLAN}.json")
        if document and document["run_id"] == run_id:
            attempts.append(Attempt(folder, run_id, document["job_run_id"], document["started_at"]))
    return sorted(attempts, key=lambda attempt: (attempt.started_at, attempt.job_run_id))
