"""Runs of the two Glue jobs. A deployment waits for active ones."""

from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

ACTIVE = ("STARTING", "RUNNING", "STOPPING", "WAITING")


def active_runs(glue: Any, jobs: Iterable[str]) -> list[str]:
    """Return `<job> <run id>` for each active run. A job that does not exist has none."""
    active = []
    for job in jobs:
        active += [f"{job} {run['Id']}" for run in latest_runs(glue, job) if run["JobRunState"] in ACTIVE]
    return active


def latest_runs(glue: Any, job: str) -> list[dict[str, Any]]:
    """Return the job's latest runs, newest first."""
    try:
        runs: list[dict[str, Any]] = glue.get_job_runs(JobName=job, MaxResults=50)["JobRuns"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityNotFoundException":
            return []
        raise
    return runs
