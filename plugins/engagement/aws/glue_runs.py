"""The Glue runs of one DAG run: find them, stop those that are still active, describe them.

A task that fails or times out does not stop its Glue run. A run that still sends would make the summary wrong, so
``summarize_responses`` stops it first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from engagement.aws import glue_cost
from engagement.contract.summary import GlueRun

ACTIVE = frozenset({"STARTING", "RUNNING", "STOPPING", "WAITING"})
SETTLE_SECONDS = 5
"""Pause after the end of a stopped run: its executors may write to the ledger a little longer."""


@dataclass(frozen=True, slots=True)
class GlueRuns:
    """All Glue runs of one DAG run, oldest first.

    :param stopped: ids of the runs that were active and were requested to stop
    :param error: why the runs could not be read, or which ones did not stop; else empty. The runs may then be old or
        missing
    """

    runs: tuple[GlueRun, ...]
    stopped: tuple[str, ...] = ()
    error: str = ""

    def latest(self, job: str) -> GlueRun | None:
        """Return the run of ``job`` that started last, None if there is none."""
        runs = [run for run in self.runs if run.job == job]
        return runs[-1] if runs else None


def stop_active(
    client: Any,
    jobs: Sequence[str],
    run_id: str,
    *,
    wait_seconds: int,
    poll_seconds: int,
    sleep: Callable[[float], None] = time.sleep,
) -> GlueRuns:
    """Stop the active Glue runs of a DAG run, wait until they end, and describe all of its runs.

    :param client: boto3 Glue client
    :param jobs: names of the Glue jobs
    :param run_id: id of the DAG run, as in the argument ``--run_id`` of the Glue runs
    :param wait_seconds: how long to wait for stopped runs, and for a Glue that cannot be read
    :param poll_seconds: pause between two status checks
    :return: the runs in their last known state. An error of Glue is returned, not raised, so that a summary can still
        be written.
    """
    runs: dict[str, list[dict[str, Any]]] = {}
    stopped: dict[str, None] = {}
    waited = 0
    while True:
        problem = ""
        try:
            runs = {job: _find_runs(client, job, run_id) for job in jobs}
            for job, of_job in runs.items():
                stopped |= dict.fromkeys(_stop(client, job, of_job, stopped))
        except client.exceptions.ClientError as error:
            problem = f"cannot read the Glue runs of {', '.join(jobs)}: {error}"
        active = _active_ids(runs)
        if waited >= wait_seconds or not (problem or active):
            break
        sleep(poll_seconds)
        waited += poll_seconds
    if stopped:
        sleep(SETTLE_SECONDS)
    if active and not problem:
        problem = f"Glue run(s) still active {waited} s after StopJobRun: {', '.join(active)}"
    described = sorted((describe_run(run) for of_job in runs.values() for run in of_job), key=lambda r: r.started_at)
    return GlueRuns(tuple(described), tuple(stopped), problem)


def describe_run(run: Mapping[str, Any]) -> GlueRun:
    """Convert a run from the form of GetJobRuns."""
    started = run.get("StartedOn")
    return GlueRun(
        job=run["JobName"],
        id=run["Id"],
        state=run["JobRunState"],
        seconds=int(run.get("ExecutionTime") or 0),
        dpu_seconds=glue_cost.dpu_seconds(run),
        cost_usd=None,
        error=run.get("ErrorMessage") or "",
        started_at=started.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if started else "",
    )


def _find_runs(client: Any, job: str, run_id: str) -> list[dict[str, Any]]:
    try:
        pages = list(client.get_paginator("get_job_runs").paginate(JobName=job))
    except client.exceptions.EntityNotFoundException:
        return []  # a missing job has no runs, and the task that needs it has already failed with that message
    runs = [run for page in pages for run in page["JobRuns"]]
    return [run for run in runs if (run.get("Arguments") or {}).get("--run_id") == run_id]


def _stop(client: Any, job: str, runs: Sequence[Mapping[str, Any]], stopped: Container[str]) -> list[str]:
    ids = [run["Id"] for run in runs if run["JobRunState"] in ACTIVE and run["Id"] not in stopped]
    if ids:
        # Errors per run are ignored: such a run has ended in the meantime, or is still active after the wait.
        client.batch_stop_job_run(JobName=job, JobRunIds=ids)
    return ids


def _active_ids(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    return [run["Id"] for of_job in runs.values() for run in of_job if run["JobRunState"] in ACTIVE]
