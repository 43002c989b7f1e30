"""The Glue runs that belong to one DAG run: found, stopped when still active, described.

A task that fails or times out leaves its Glue run going. Nobody else would stop it, and what it still
sends would make every number of the summary wrong, so the summary stops it first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from engagement.aws import cost
from engagement.contract.summary import GlueRun

ACTIVE = frozenset({"STARTING", "RUNNING", "STOPPING", "WAITING"})


@dataclass(frozen=True, slots=True)
class GlueRuns:
    """All Glue runs of one DAG run, oldest first.

    :param stopped: ids of the runs that were active and were asked to stop
    :param error: why Glue could not be asked, or which run would not stop; empty when all is settled
    """

    runs: tuple[GlueRun, ...]
    stopped: tuple[str, ...] = ()
    error: str = ""

    def latest(self, job: str) -> GlueRun | None:
        """The run of `job` that started last."""
        of_job = [run for run in self.runs if run.job == job]
        return of_job[-1] if of_job else None


def stop_active(
    client: Any,
    jobs: Sequence[str],
    run_id: str,
    *,
    wait_seconds: int,
    poll_seconds: int,
    sleep: Callable[[float], None] = time.sleep,
) -> GlueRuns:
    """Stop what is still active among the Glue runs of a DAG run, wait for its end, describe all of them.

    :param client: boto3 Glue client
    :param jobs: names of the Glue jobs
    :param run_id: the DAG run's id, found in the runs' argument `--run_id`
    :param wait_seconds: how long to wait for stopped runs
    :return: what Glue says at the end; trouble with Glue is told in it, not raised, so that a summary of
        what is known can still be written
    """
    try:
        found = {job: _find(client, job, run_id) for job in jobs}
        stopped = [stopped_id for job, runs in found.items() for stopped_id in _stop(client, job, runs)]
        waited = 0
        while _active(found) and waited < wait_seconds:
            sleep(poll_seconds)
            waited += poll_seconds
            found = {job: _find(client, job, run_id) for job in jobs}
    except client.exceptions.ClientError as error:
        return GlueRuns((), error=f"Glue could not be asked for the runs of {', '.join(jobs)}: {error}")
    runs = sorted((describe_run(run) for of_job in found.values() for run in of_job), key=lambda r: r.started_at)
    active = _active(found)
    problem = f"Glue run(s) still active {waited} s after being stopped: {', '.join(active)}" if active else ""
    return GlueRuns(tuple(runs), tuple(stopped), problem)


def describe_run(run: Mapping[str, Any]) -> GlueRun:
    """Return what a run's element in GetJobRuns says."""
    started = run.get("StartedOn")
    return GlueRun(
        job=run["JobName"],
        id=run["Id"],
        state=run["JobRunState"],
        seconds=int(run.get("ExecutionTime") or 0),
        dpu_seconds=cost.dpu_seconds(run),
        cost_usd=None,
        error=run.get("ErrorMessage") or "",
        started_at=started.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if started else "",
    )


def _find(client: Any, job: str, run_id: str) -> list[dict[str, Any]]:
    try:
        pages = list(client.get_paginator("get_job_runs").paginate(JobName=job))
    except client.exceptions.EntityNotFoundException:
        return []  # a job that does not exist has no runs; the task that needed it says so itself
    runs = [run for page in pages for run in page["JobRuns"]]
    return [run for run in runs if (run.get("Arguments") or {}).get("--run_id") == run_id]


def _stop(client: Any, job: str, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    ids = [run["Id"] for run in runs if run["JobRunState"] in ACTIVE]
    if ids:
        # What cannot be stopped has either ended meanwhile or is still there when the wait is over.
        client.batch_stop_job_run(JobName=job, JobRunIds=ids)
    return ids


def _active(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    return [run["Id"] for runs in found.values() for run in runs if run["JobRunState"] in ACTIVE]
