"""One workflow run: its triggers, the job runs that they start, and the thread that takes it to its end."""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.glue.models import FakeTrigger, FakeWorkflowRun

from local.aws.glue.job_run import ACTIVE, JobRun

# How a job run's state is counted; one that is neither ended nor waiting is running.
_COUNTED = {
    "SUCCEEDED": "SucceededActions",
    "FAILED": "FailedActions",
    "TIMEOUT": "TimeoutActions",
    "STOPPED": "StoppedActions",
    "ERROR": "ErroredActions",
}

StartJob = Callable[[str, dict[str, Any]], JobRun | None]
"""Starts the job of that name with StartJobRun's parameters; None when there is no such job."""


@dataclass
class Started:
    """An action that was taken. Without a run its job does not exist any more, which the API calls ERROR."""

    trigger: str
    job: str
    run: JobRun | None

    @property
    def state(self) -> str:
        """State of the job run."""
        return self.run.state if self.run else "ERROR"


@dataclass
class WorkflowRun(FakeWorkflowRun):
    """A run as GetWorkflowRun tells it. `start` begins it, `stop` asks for its end, `join` waits for that.

    :param triggers: the workflow's triggers, as they are when they are asked
    :param previous_run_id: the workflow's run before this one
    """

    workflow_name: str
    properties: dict[str, str]
    triggers: Callable[[], list[FakeTrigger]]
    start_job: StartJob
    previous_run_id: str | None = None
    run_id: str = field(default_factory=lambda: "wr_" + secrets.token_hex(32))
    status: str = "RUNNING"
    started_on: datetime = field(default_factory=lambda: datetime.now(UTC))
    completed_on: datetime | None = None
    started: list[Started] = field(default_factory=list)
    _fired: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Fire the start trigger; returns at once."""
        self._thread = threading.Thread(target=self._live, name=self.run_id, daemon=True)
        self._thread.start()

    def stop(self) -> bool:
        """Ask for the end of the run and its job runs; False when it is not RUNNING."""
        with self._lock:  # from here on no trigger fires
            if self.status != "RUNNING":
                return False
            self.status = "STOPPING"
        for action in self.started:
            if action.run:
                action.run.stop()
        return True

    def join(self, timeout: float | None = None) -> None:
        """Wait until the run has ended."""
        if self._thread:
            self._thread.join(timeout)

    def as_dict(self) -> dict[str, Any]:
        """The WorkflowRun structure of Glue's API; actions that were not taken are not counted."""
        counts = Counter(_COUNTED.get(action.state, "RunningActions") for action in list(self.started))
        told: dict[str, Any] = {
            "Name": self.workflow_name,
            "WorkflowRunId": self.run_id,
            "WorkflowRunProperties": self.properties,
            "StartedOn": self.started_on,
            "Status": self.status,
            "Statistics": {
                "TotalActions": counts.total(),
                **{name: counts[name] for name in (*_COUNTED.values(), "RunningActions", "WaitingActions")},
            },
        }
        if self.completed_on:
            told["CompletedOn"] = self.completed_on
        if self.previous_run_id:
            told["PreviousRunId"] = self.previous_run_id
        return told

    def graph(self) -> dict[str, Any]:
        """The WorkflowGraph structure: triggers, jobs with their runs of this workflow run, and what leads where."""
        triggers = self.triggers()
        jobs = dict.fromkeys(action.job_name for trigger in triggers for action in trigger.actions if action.job_name)
        runs = {
            job: [action.run.as_dict() for action in self.started if action.job == job and action.run] for job in jobs
        }
        nodes = [
            {"Type": "TRIGGER", "Name": one.name, "UniqueId": one.name, "TriggerDetails": {"Trigger": one.as_dict()}}
            for one in triggers
        ] + [{"Type": "JOB", "Name": job, "UniqueId": job, "JobDetails": {"JobRuns": runs[job]}} for job in jobs]
        edges = [(trigger.name, action.job_name) for trigger in triggers for action in trigger.actions]
        edges += [(one.job_name, trigger.name) for trigger in triggers for one in _conditions(trigger)]
        return {"Nodes": nodes, "Edges": [{"SourceId": source, "DestinationId": to} for source, to in edges]}

    def _live(self) -> None:
        ended = "ERROR"
        try:
            self._fire_those(lambda trigger: trigger.trigger_type != "CONDITIONAL")
            while True:
                # Asked before the triggers: what ends from here on may be what one of them waits for.
                active = any(action.state in ACTIVE for action in self.started)
                if not self._fire_those(self._is_met) and not active:
                    break
                time.sleep(0.05)
            ended = "COMPLETED"
        finally:
            with self._lock:
                self.completed_on = datetime.now(UTC)
                self.status = "STOPPED" if self.status == "STOPPING" else ended

    def _fire_those(self, due: Callable[[FakeTrigger], bool]) -> bool:
        """Take the actions of every trigger that is due and has not fired in this run; tell whether there was any."""
        fired = False
        for trigger in self.triggers():
            if trigger.name in self._fired or not due(trigger):
                continue
            with self._lock:
                if self.status != "RUNNING":
                    return fired
                self._fired.add(trigger.name)
                fired = True
                self.started += [self._take(trigger.name, action.as_dict()) for action in trigger.actions]
        return fired

    def _take(self, trigger: str, action: dict[str, Any]) -> Started:
        words = {"--WORKFLOW_NAME": self.workflow_name, "--WORKFLOW_RUN_ID": self.run_id}
        asked = {**action, "Arguments": {**action.get("Arguments", {}), **words}}
        return Started(trigger, action["JobName"], self.start_job(action["JobName"], asked))

    def _is_met(self, trigger: FakeTrigger) -> bool:
        """Whether a conditional trigger that is switched on has what it waits for."""
        if trigger.trigger_type != "CONDITIONAL" or trigger.state != "ACTIVATED" or not trigger.predicate:
            return False
        states = {action.job: action.state for action in self.started}
        met = [states.get(condition.job_name) == condition.state.value for condition in _conditions(trigger)]
        return any(met) if trigger.predicate.logical.value == "ANY" else all(met)


def _conditions(trigger: FakeTrigger) -> list[Any]:
    return [one for one in trigger.predicate.conditions if one.job_name] if trigger.predicate else []
