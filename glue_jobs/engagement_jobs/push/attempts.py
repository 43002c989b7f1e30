"""Attempts: the Glue runs of the push job for one DAG run and date."""

from __future__ import annotations

from dataclasses import dataclass

from engagement_jobs.common.aws import Store
from engagement_jobs.crm_client.document.request_template import RequestTemplate
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.push.delivery_history import attempt_folders

PLAN = "plan"
CANARY = "canary"
REST = "rest"
"""Names of the aggregates that do not belong to a push task."""
DEFAULT_SHAPE = "eba0502bf90ac6995d1ce643ca38563809ca9985f6aee80faf29615f7a126338"
"""Shape of the requests of the default document."""
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

    def write_endpoint(self, store: Store, template: RequestTemplate) -> None:
        """Write where the attempt sends, and the shape of its requests."""
        document = {"version": 1, "endpoint": template.endpoint, "shape": template.shape}
        store.write_json(f"{self.folder}{_ENDPOINT}", document)


@dataclass(frozen=True)
class EarlierAttempts:
    """The attempts of a date, of any run, compared with this one.

    :param same_endpoint: Glue run ids of those that sent the same shape of requests to the same endpoint
    :param other_shape: Glue run ids of those that sent another shape, wherever
    """

    same_endpoint: tuple[str, ...] = ()
    other_shape: tuple[str, ...] = ()


def compare_attempts(store: Store, score_date: str, template: RequestTemplate) -> EarlierAttempts:
    """Compare the attempts of a date with the requests of this one."""
    same_endpoint, other_shape = [], []
    for folder in attempt_folders(store, score_date):
        document = store.read_json(f"{folder}{_ENDPOINT}") or {}
        job_run_id = folder.rstrip("/").partition("attempt=")[2]
        # Attempts of older releases sent the default document's requests.
        if document.get("shape", DEFAULT_SHAPE) != template.shape:
            other_shape.append(job_run_id)
        elif document.get("endpoint") == template.endpoint:
            same_endpoint.append(job_run_id)
    return EarlierAttempts(tuple(same_endpoint), tuple(other_shape))


def find_attempts(store: Store, score_date: str, run_id: str) -> list[Attempt]:
    """List all attempts of a run and date, oldest first."""
    attempts = []
    for folder in attempt_folders(store, score_date):
        document = store.read_json(f"{folder}agg-{PLAN}.json")
        if document and document["run_id"] == run_id:
            attempts.append(Attempt(folder, run_id, document["job_run_id"], document["started_at"]))
    return sorted(attempts, key=lambda attempt: (attempt.started_at, attempt.job_run_id))
