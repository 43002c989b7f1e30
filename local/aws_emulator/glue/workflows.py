"""Workflow runs, which start no jobs in moto. Triggers start jobs until none is due and no job is active."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.glue.models import FakeWorkflowRun

from local.aws_emulator.glue.job_run import ACTIVE, JobRun

StartJob = Callable[[str, dict[str, Any]], JobRun]
"""Starts the job of a name with parameters of StartJobRun."""


def run_workflow(run: FakeWorkflowRun, triggers: Sequence[Any], start: StartJob) -> None:
    """Run a workflow to its end. As in Glue, the final state is COMPLETED even if jobs have failed.

    :param triggers: moto's triggers of the workflow
    """
    started: dict[str, JobRun] = {}
    waiting = list(triggers)
    status = "ERROR"
    try:
        while True:
            # Before the triggers are evaluated: a job that ends after this line may make one of them due.
            active = any(job_run.state in ACTIVE for job_run in started.values())
            due = [trigger for trigger in waiting if _is_due(trigger, started)]
            for trigger in due:
                waiting.remove(trigger)
                started |= _fire(trigger, run, start)
            if not due and not active:
                break
            time.sleep(0.05)
        status = "COMPLETED"
    finally:
        run.completed_on, run.status = datetime.now(UTC), status


def _is_due(trigger: Any, started: Mapping[str, JobRun]) -> bool:
    if trigger.predicate is None:
        return True
    states = {job: job_run.state for job, job_run in started.items()}
    return all(states.get(one.job_name) == one.state.value for one in trigger.predicate.conditions)


def _fire(trigger: Any, run: FakeWorkflowRun, start: StartJob) -> dict[str, JobRun]:
    workflow = {"--WORKFLOW_NAME": run.workflow_name, "--WORKFLOW_RUN_ID": run.run_id}
    return {
        action.job_name: start(action.job_name, {"Arguments": {**(action.arguments or {}), **workflow}})
        for action in trigger.actions
    }
