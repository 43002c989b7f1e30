"""A dry run of the two jobs on what was deployed, where no Airflow runs them: with the workflow's own arguments."""

import json
from datetime import UTC, datetime
from typing import Any

from infra.deploy import job_runs
from infra.deploy.errors import DeployError
from infra.deploy.progress_log import ProgressLog
from infra.deploy.smoke import newest_extract
from infra.deploy.smoke.airflow_smoke import run_id

_RUN_SECONDS = 4 * 3600.0  # the jobs' own timeouts end them earlier
_DRY_RUN_ARGUMENTS = {"resend_delivered": "false", "limit": "none", "push_mode": "dry_run"}


class GlueSmoke:
    """The smoke run of one commit.

    :param jobs: names of the scoring and the push job
    :param workflow: name of the Glue workflow, whose triggers hold the arguments
    """

    def __init__(self, glue: Any, progress: ProgressLog, commit: str, workflow: str, jobs: tuple[str, str]) -> None:
        self._glue = glue
        self._progress = progress
        self._commit = commit
        self._workflow = workflow
        self._score_job, self._push_job = jobs

    def has_passed(self) -> bool:
        """Whether the latest smoke run was of this commit, and both jobs went well."""
        wanted = f"smoke__{self._commit[:12]}__"
        for job in (self._score_job, self._push_job):
            runs = [run for run in job_runs.latest_runs(self._glue, job) if _run_id(run).startswith("smoke__")]
            if not runs or not _run_id(runs[0]).startswith(wanted) or runs[0]["JobRunState"] != "SUCCEEDED":
                return False
        return True

    def activity_key(self) -> str:
        """Pattern of an extract's key, as the scoring job is told by its trigger."""
        return self._arguments(self._score_job)["--activity_key"]

    def run(self, bucket: str, extract: newest_extract.NewestExtract) -> None:
        """Run both jobs for this extract, one after the other. Raises DeployError when one fails."""
        name = run_id(self._commit)
        self._progress.write(f"smoke run {name}: a dry run of {extract.score_date}")
        own = {
            **_DRY_RUN_ARGUMENTS,
            "score_date": extract.score_date,
            "scored_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "run_id": name,
            "input_uri": f"s3://{bucket}/{extract.key}",
            "input_etags": json.dumps(dict(extract.etags)),
        }
        for job in (self._score_job, self._push_job):
            given = {**self._arguments(job), **{f"--{key}": value for key, value in own.items()}}
            self._run(job, given)

    def _run(self, job: str, arguments: dict[str, str]) -> None:
        run = self._glue.start_job_run(JobName=job, Arguments=arguments)["JobRunId"]
        state: dict[str, Any] = {}

        def poll() -> str | None:
            state.update(self._glue.get_job_run(JobName=job, RunId=run)["JobRun"])
            return f"smoke run: {job} {state['JobRunState']}" if state["JobRunState"] in job_runs.ACTIVE else None

        self._progress.wait_until_done(poll, _RUN_SECONDS, f"Look at run {run} in the Glue console")
        if state["JobRunState"] != "SUCCEEDED":
            raise DeployError(
                f"the smoke run failed: {job} {run} is {state['JobRunState']}: {state.get('ErrorMessage', '')}. "
                "What is deployed stays; mend the cause, or go back with --release"
            )
        self._progress.write(f"smoke run: {job} SUCCEEDED")

    def _arguments(self, job: str) -> dict[str, str]:
        pages = self._glue.get_paginator("get_triggers").paginate()
        for trigger in (trigger for page in pages for trigger in page["Triggers"]):
            for action in trigger.get("Actions", []):
                if trigger.get("WorkflowName") == self._workflow and action.get("JobName") == job:
                    found: dict[str, str] = action.get("Arguments", {})
                    return found
        raise DeployError(
            f"workflow {self._workflow}: found no trigger that starts {job}; look at it in the Glue console"
        )


def _run_id(run: dict[str, Any]) -> str:
    found: str = run.get("Arguments", {}).get("--run_id", "")
    return found
