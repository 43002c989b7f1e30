"""Glue's workflows and triggers, in place of moto's, whose workflow runs start nothing and never end."""

import threading
from collections.abc import Mapping
from typing import Any, ClassVar

from moto.core.responses import ActionResult, EmptyResult
from moto.glue.exceptions import (
    AlreadyExistsException,
    ConcurrentRunsExceededException,
    EntityNotFoundException,
    GlueClientError,
    InvalidInputException,
)
from moto.glue.models import FakeTrigger, FakeWorkflow, GlueBackend
from moto.glue.responses import GlueResponse
from moto.glue.utils import Action, Predicate

from local.aws.glue.job_run import JobRun
from local.aws.glue.workflow_run import WorkflowRun

_OF_TRIGGER = (
    *("WorkflowName", "Type", "Schedule", "Predicate", "Actions", "Description", "StartOnCreation", "Tags"),
    "EventBatchingCondition",
)


class IllegalWorkflowStateError(GlueClientError):
    """The workflow run is in no state for what was asked."""

    def __init__(self, message: str):
        super().__init__("IllegalWorkflowStateException", message)


class WorkflowsBackend(GlueBackend):
    """Workflow runs start the jobs of their triggers; the rest is moto's."""

    all_workflow_runs: ClassVar[list[WorkflowRun]] = []
    _starting_workflow: ClassVar[threading.Lock] = threading.Lock()

    def start_action(self, job_name: str, asked: dict[str, Any]) -> JobRun | None:
        """Start a job as a trigger does, with StartJobRun's parameters; None when there is no such job."""
        raise NotImplementedError

    def find_workflow(self, name: str) -> FakeWorkflow:
        """A workflow. Raises EntityNotFoundException when there is none of that name."""
        if name not in self.workflows:
            raise EntityNotFoundException("Entity not found")
        return self.workflows[name]

    def find_run_of_workflow(self, name: str, run_id: str) -> WorkflowRun:
        """A workflow's run. Raises EntityNotFoundException when there is none of that id."""
        run = self.find_workflow(name).get_run(run_id)
        assert isinstance(run, WorkflowRun)  # noqa: S101 - this backend makes no others
        return run

    def create_workflow(self, name: str, *args: Any) -> str:
        """As moto, which would replace a workflow of that name, runs and all."""
        if name in self.workflows:
            raise AlreadyExistsException("Workflow")
        return str(super().create_workflow(name, *args))

    def triggers_of(self, workflow: str) -> list[FakeTrigger]:
        """The triggers of a workflow."""
        return [trigger for trigger in list(self.triggers.values()) if trigger.workflow_name == workflow]

    def create_trigger(self, name: str, workflow_name: str, trigger_type: str, *args: Any, **more: Any) -> None:
        """As moto, and refuse what Glue refuses."""
        if name in self.triggers:
            raise AlreadyExistsException("Trigger")
        if trigger_type == "ON_DEMAND" and more.get("start_on_creation"):
            raise InvalidInputException("CreateTrigger", "StartOnCreation is not supported for ON_DEMAND triggers")
        if workflow_name:
            self.find_workflow(workflow_name)
            starts = [one.name for one in self.triggers_of(workflow_name) if one.trigger_type != "CONDITIONAL"]
            if starts and trigger_type != "CONDITIONAL":
                raise InvalidInputException(
                    "CreateTrigger", f"Workflow {workflow_name} already has the start trigger {starts[0]}"
                )
        super().create_trigger(name, workflow_name, trigger_type, *args, **more)

    def start_workflow_run(self, workflow_name: str, properties: dict[str, str] | None) -> str:
        """Start a run with `properties` over the workflow's own."""
        workflow = self.find_workflow(workflow_name)
        if all(trigger.trigger_type == "CONDITIONAL" for trigger in self.triggers_of(workflow_name)):
            raise InvalidInputException("StartWorkflowRun", f"Workflow {workflow_name} has no start trigger")
        with self._starting_workflow:  # two requests at once must not both find room
            under_way = sum(run.status in ("RUNNING", "STOPPING") for run in workflow.runs.values())
            if workflow.max_concurrent_runs and under_way >= workflow.max_concurrent_runs:
                raise ConcurrentRunsExceededException(f"Concurrent runs exceeded for workflow: {workflow_name}")
            run = WorkflowRun(
                workflow_name=workflow_name,
                properties={**(workflow.default_run_properties or {}), **(properties or {})},
                triggers=lambda: self.triggers_of(workflow_name),
                start_job=self.start_action,
                previous_run_id=next(reversed(workflow.runs), None),
            )
            workflow.runs[run.run_id] = run
            self.all_workflow_runs.append(run)
        run.start()
        return run.run_id

    def stop_workflow_run(self, workflow_name: str, run_id: str) -> None:
        """Ask for the end of a run."""
        run = self.find_run_of_workflow(workflow_name, run_id)
        if not run.stop():
            raise IllegalWorkflowStateError(f"Workflow run {run_id} is {run.status} and cannot be stopped.")


class WorkflowsResponse(GlueResponse):
    """The API's actions on workflows and triggers that moto leaves out or gets wrong."""

    @property
    def workflows(self) -> WorkflowsBackend:
        """The backend of this request's account and region."""
        found = self.glue_backend
        assert isinstance(found, WorkflowsBackend)  # noqa: S101 - `local.aws.glue.backend.install` saw to that
        return found

    def create_trigger(self) -> ActionResult:
        """CreateTrigger; `Logical` may be left out, as in Glue."""
        name = self._get_param("Name")
        put_trigger(self.workflows, name, {member: self._get_param(member) for member in _OF_TRIGGER})
        return ActionResult({"Name": name})

    def get_workflow_run(self) -> ActionResult:
        """GetWorkflowRun, with the graph when it is asked for."""
        run = self.workflows.find_run_of_workflow(self._get_param("Name"), self._get_param("RunId"))
        return ActionResult({"Run": self._told(run)})

    def get_workflow_runs(self) -> ActionResult:
        """GetWorkflowRuns, newest first; the token of a page is the id of its first run."""
        name = self._get_param("Name")
        runs = [
            self.workflows.find_run_of_workflow(name, one) for one in reversed(self.workflows.find_workflow(name).runs)
        ]
        token = self._get_param("NextToken")
        first = next((i for i, run in enumerate(runs) if run.run_id == token), 0)
        end = first + int(self._get_param("MaxResults") or 1000)
        page: dict[str, Any] = {"Runs": [self._told(run) for run in runs[first:end]]}
        if end < len(runs):
            page["NextToken"] = runs[end].run_id
        return ActionResult(page)

    def stop_workflow_run(self) -> ActionResult:
        """StopWorkflowRun."""
        self.workflows.stop_workflow_run(self._get_param("Name"), self._get_param("RunId"))
        return EmptyResult()

    def _told(self, run: WorkflowRun) -> dict[str, Any]:
        return {**run.as_dict(), **({"Graph": run.graph()} if self._get_param("IncludeGraph") else {})}


def put_trigger(backend: GlueBackend, name: str, given: Mapping[str, Any]) -> None:
    """Create a trigger from CreateTrigger's parameters."""
    predicate = given.get("Predicate")
    if given["Type"] == "CONDITIONAL" and not predicate:
        raise InvalidInputException("CreateTrigger", "Predicate cannot be null or empty")
    backend.create_trigger(
        name=name,
        workflow_name=given.get("WorkflowName") or "",
        trigger_type=given["Type"],
        schedule=given.get("Schedule") or "",
        predicate=Predicate({"Logical": "AND", **predicate}) if predicate else None,
        actions=[Action(action) for action in given.get("Actions") or []],
        description=given.get("Description") or "",
        start_on_creation=bool(given.get("StartOnCreation")),
        tags=given.get("Tags") or {},
        event_batching_condition=given.get("EventBatchingCondition") or {},
    )


def stop_all(patience: float = 10.0) -> None:
    """End every workflow run, and with it its job runs, and wait until it is over."""
    for run in WorkflowsBackend.all_workflow_runs:
        run.stop()
    for run in WorkflowsBackend.all_workflow_runs:
        run.join(patience)
