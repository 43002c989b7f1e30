"""Runs of the two Glue jobs that are under way: a deployment waits for them."""

from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

ACTIVE = ("STARTING", "RUNNING", "STOPPING", "WAITING")


def active_runs(glue: Any, jobs: Iterable[str]) -> list[str]:
    """`job run-id` of each active run; a job that does not exist has none."""
    found = []
    for job in jobs:
        found += [f"{job} {run['Id']}" for run in latest_runs(glue, job) if run["JobRunState"] in ACTIVE]
    return found


def latest_runs(glue: Any, job: str) -> list[dict[str, Any]]:
    """The job's latest runs, newest first."""
    try:
        runs: list[dict[str, Any]] = glue.get_job_runs(JobName=job, MaxResults=50)["JobRuns"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityNotFoundException":
            return []
        raise
    return runs
