"""Glue's jobs and job runs; replaces moto's, which does not run the scripts."""

import threading
from types import ModuleType
from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores, utcnow
from moto.glue import urls
from moto.glue.exceptions import ConcurrentRunsExceededException, JobRunNotFoundException
from moto.glue.models import FakeJob, GlueBackend, glue_backends
from moto.glue.responses import GlueResponse

from local.aws_emulator.emulator_settings import EmulatorSettings
from local.aws_emulator.glue import workflows
from local.aws_emulator.glue.job_run import ACTIVE, JobRun, JobRunRequest

DEFAULT_TIMEOUT = 2880  # minutes, as in Glue

# Attributes of moto's job that UpdateJob overwrites. As in Glue, members that are missing in the request are unset.
_UPDATED: dict[str, Any] = {
    **dict.fromkeys(("command", "description", "role", "timeout", "glue_version", "worker_type", "number_of_workers")),
    **dict.fromkeys(("max_capacity", "max_retries", "non_overridable_arguments", "security_configuration")),
    "default_arguments": {},
    "execution_property": {},
}


class GlueJobBackend(GlueBackend):
    """moto's backend, except that job runs are processes and workflow runs start them."""

    settings: ClassVar[EmulatorSettings]
    all_runs: ClassVar[list[JobRun]] = []
    _starting: ClassVar[threading.Lock] = threading.Lock()

    @property
    def _url_module(self) -> ModuleType:
        return urls  # moto would expect it next to this file

    def runs_of(self, job_name: str) -> list[JobRun]:
        """Return the runs of a job, newest first.

        :raises EntityNotFoundException: when there is no such job
        """
        self.get_job(job_name)
        account_and_region = (self.account_id, self.region_name)
        return [
            run
            for run in reversed(self.all_runs)
            if run.request.job_name == job_name and (run.request.account_id, run.request.region) == account_and_region
        ]

    def start_run(self, job: FakeJob, parameters: dict[str, Any]) -> JobRun:
        """Start a run of a job.

        :param parameters: parameters of StartJobRun, which override those of the job
        :raises ConcurrentRunsExceededException: when the job has as many active runs as it allows
        """
        with self._starting:  # concurrent requests must not both pass the check
            self._check_concurrent_runs(job)
            run = JobRun(self._request(job, parameters), self.settings)
            self.all_runs.append(run)
        run.start()
        return run

    def start_workflow_run(self, workflow_name: str, properties: dict[str, str] | None) -> str:
        """Start a workflow run in a thread; return its id."""
        run_id = str(super().start_workflow_run(workflow_name, properties))
        run = self.workflows[workflow_name].get_run(run_id)
        triggers = [trigger for trigger in self.triggers.values() if trigger.workflow_name == workflow_name]
        arguments = (run, triggers, lambda job, parameters: self.start_run(self.get_job(job), parameters))
        threading.Thread(target=workflows.run_workflow, args=arguments, name=run_id, daemon=True).start()
        return run_id

    def _check_concurrent_runs(self, job: FakeJob) -> None:
        limit = int(job.execution_property.get("MaxConcurrentRuns", 1))
        if len([run for run in self.runs_of(job.name) if run.state in ACTIVE]) >= limit:
            raise ConcurrentRunsExceededException(f"Concurrent runs exceeded for {job.name}")

    def _request(self, job: FakeJob, parameters: dict[str, Any]) -> JobRunRequest:
        command: Any = job.command
        arguments = {
            **job.default_arguments,
            **(parameters.get("Arguments") or {}),
            **(job.non_overridable_arguments or {}),
        }
        return JobRunRequest(
            job_name=job.name,
            script=command["ScriptLocation"],
            arguments=arguments,
            timeout=int(parameters.get("Timeout") or job.timeout or DEFAULT_TIMEOUT),
            worker_type=parameters.get("WorkerType") or job.worker_type or "G.1X",
            workers=int(parameters.get("NumberOfWorkers") or job.number_of_workers or 2),
            glue_version=job.glue_version,
            account_id=self.account_id,
            region=self.region_name,
        )

    def find_run(self, job_name: str, run_id: str) -> JobRun:
        """Return a run of a job.

        :raises EntityNotFoundException: when there is no run with this id
        """
        for run in self.runs_of(job_name):
            if run.id == run_id:
                return run
        raise JobRunNotFoundException(run_id)


class GlueApi(GlueResponse):
    """The actions on job runs of Glue's API."""

    @property
    def backend(self) -> GlueJobBackend:
        """The backend of this request's account and region."""
        backend = self.glue_backend
        assert isinstance(backend, GlueJobBackend)  # noqa: S101 - ensured by `install`
        return backend

    def update_job(self) -> ActionResult:
        """UpdateJob, which moto lacks."""
        job = self.backend.get_job(self._get_param("JobName"))
        attributes = {camelcase_to_underscores(member): value for member, value in self._get_param("JobUpdate").items()}
        for name, default in _UPDATED.items():
            setattr(job, name, attributes.get(name, default))
        job.last_modified_on = utcnow()
        return ActionResult({"JobName": job.name})

    def start_job_run(self) -> ActionResult:
        """StartJobRun."""
        job = self.backend.get_job(self._get_param("JobName"))
        names = ("Arguments", "Timeout", "WorkerType", "NumberOfWorkers")
        parameters = {name: self._get_param(name) for name in names}
        return ActionResult({"JobRunId": self.backend.start_run(job, parameters).id})

    def get_job_run(self) -> ActionResult:
        """GetJobRun."""
        run = self.backend.find_run(self._get_param("JobName"), self._get_param("RunId"))
        return ActionResult({"JobRun": run.as_dict()})

    def get_job_runs(self) -> ActionResult:
        """GetJobRuns. The token of a page is the id of its first run, so that new runs do not shift pages."""
        runs = self.backend.runs_of(self._get_param("JobName"))
        token = self._get_param("NextToken")
        first = next((i for i, run in enumerate(runs) if run.id == token), 0)
        end = first + int(self._get_param("MaxResults") or 200)
        page: dict[str, Any] = {"JobRuns": [run.as_dict() for run in runs[first:end]]}
        if end < len(runs):
            page["NextToken"] = runs[end].id
        return ActionResult(page)

    def batch_stop_job_run(self) -> ActionResult:
        """BatchStopJobRun."""
        name = self._get_param("JobName")
        known = {run.id: run for run in self.backend.runs_of(name)}
        stopped, errors = [], []
        for run_id in self._get_param("JobRunIds"):
            if run_id not in known:
                code, message = "EntityNotFoundException", f"Job run {run_id} not found."
            elif known[run_id].stop():
                stopped.append({"JobName": name, "JobRunId": run_id})
                continue
            else:
                code = "JobRunInvalidStateTransitionException"
                message = f"Job run {run_id} is {known[run_id].state} and cannot be stopped."
            detail = {"ErrorCode": code, "ErrorMessage": message}
            errors.append({"JobName": name, "JobRunId": run_id, "ErrorDetail": detail})
        return ActionResult({"SuccessfulSubmissions": stopped, "Errors": errors})


def install(settings: EmulatorSettings) -> None:
    """Replace moto's Glue. Call it before the first request."""
    GlueJobBackend.settings = settings
    glue_backends.backend = GlueJobBackend
    urls.url_paths["{0}/$"] = GlueApi.dispatch


def stop_all(timeout_seconds: float = 10.0) -> None:
    """Stop all runs and wait until their processes have ended."""
    for run in GlueJobBackend.all_runs:
        run.stop()
    for run in GlueJobBackend.all_runs:
        run.join(timeout_seconds)
