"""A smoke run without Airflow: a dry run of both jobs with the arguments of the Glue workflow."""

import json
from datetime import UTC, datetime
from typing import Any

from infra.deploy import job_runs
from infra.deploy.errors import DeployError
from infra.deploy.progress_log import ProgressLog
from infra.deploy.smoke import smoke_run_id
from infra.deploy.smoke.newest_extract import NewestExtract

_RUN_TIMEOUT_SECONDS = 4 * 3600.0  # the timeouts of the jobs are shorter
_DRY_RUN_ARGUMENTS = {
    "resend_delivered": "false",
    "ignore_retry_after": "false",
    "limit": "none",
    "push_mode": "dry_run",
}


class GlueSmoke:
    """The smoke run of one commit.

    :param workflow: name of the Glue workflow, whose triggers hold the arguments
    :param jobs: names of the scoring job and the push job
    """

    def __init__(self, glue: Any, progress: ProgressLog, commit: str, workflow: str, jobs: tuple[str, str]) -> None:
        self._glue = glue
        self._progress = progress
        self._commit = commit
        self._workflow = workflow
        self._score_job, self._push_job = jobs

    def has_passed(self) -> bool:
        """Return whether the latest smoke run was of this commit and both jobs succeeded."""
        prefix = smoke_run_id.commit_prefix(self._commit)
        for job in (self._score_job, self._push_job):
            runs = job_runs.latest_runs(self._glue, job)
            smoke_runs = [run for run in runs if _run_id(run).startswith(smoke_run_id.PREFIX)]
            if not smoke_runs or not _run_id(smoke_runs[0]).startswith(prefix):
                return False
            if smoke_runs[0]["JobRunState"] != "SUCCEEDED":
                return False
        return True

    def activity_key(self) -> str:
        """Return the pattern of the extract's key, from the trigger of the scoring job."""
        return self._arguments(self._score_job)["--activity_key"]

    def run(self, bucket: str, extract: NewestExtract) -> None:
        """Run both jobs for the extract, one after the other.

        :raises DeployError: when one fails
        """
        run_id = smoke_run_id.new_run_id(self._commit)
        self._progress.write(f"smoke run {run_id}: a dry run of {extract.score_date}")
        run_arguments = {
            **_DRY_RUN_ARGUMENTS,
            "score_date": extract.score_date,
            "scored_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "run_id": run_id,
            "input_uri": f"s3://{bucket}/{extract.key}",
            "input_etags": json.dumps(dict(extract.etags)),
        }
        for job in (self._score_job, self._push_job):
            self._run(job, {**self._arguments(job), **{f"--{key}": value for key, value in run_arguments.items()}})

    def _run(self, job: str, arguments: dict[str, str]) -> None:
        run = self._glue.start_job_run(JobName=job, Arguments=arguments)["JobRunId"]
        state: dict[str, Any] = {}

        def poll() -> str | None:
            state.update(self._glue.get_job_run(JobName=job, RunId=run)["JobRun"])
            return f"smoke run: {job} {state['JobRunState']}" if state["JobRunState"] in job_runs.ACTIVE else None

        self._progress.wait_until_done(poll, _RUN_TIMEOUT_SECONDS, f"Check run {run} in the Glue console")
        if state["JobRunState"] != "SUCCEEDED":
            raise DeployError(
                f"the smoke run failed: {job} {run} is {state['JobRunState']}: {state.get('ErrorMessage', '')}. "
                "The release stays deployed. Fix the cause, or go back with --release"
            )
        self._progress.write(f"smoke run: {job} SUCCEEDED")

    def _arguments(self, job: str) -> dict[str, str]:
        pages = self._glue.get_paginator("get_triggers").paginate()
        for trigger in (trigger for page in pages for trigger in page["Triggers"]):
            for action in trigger.get("Actions", []):
                if trigger.get("WorkflowName") == self._workflow and action.get("JobName") == job:
                    arguments: dict[str, str] = action.get("Arguments", {})
                    return arguments
        raise DeployError(f"workflow {self._workflow}: no trigger starts {job}; check the workflow in the Glue console")


def _run_id(run: dict[str, Any]) -> str:
    run_id: str = run.get("Arguments", {}).get("--run_id", "")
    return run_id
