"""Workflow runs, which start nothing in moto: triggers start jobs until none is due and no job runs any more."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.glue.models import FakeWorkflowRun

from local.aws_emulator.glue.job_run import ACTIVE, JobRun

StartJob = Callable[[str, dict[str, Any]], JobRun]
"""Starts the job of that name with StartJobRun's parameters."""


def take(run: FakeWorkflowRun, triggers: Sequence[Any], start: StartJob) -> None:
    """Take a workflow run to its end. As in Glue, it is COMPLETED however its jobs ended.

    :param triggers: the workflow's triggers, as moto keeps them
    """
    started: dict[str, JobRun] = {}
    waiting = list(triggers)
    ended = "ERROR"
    try:
        while True:
            # Checked before the triggers: a job that ends from here on may be what one of them waits for.
            active = any(job_run.state in ACTIVE for job_run in started.values())
            due = [trigger for trigger in waiting if _is_due(trigger, started)]
            for trigger in due:
                waiting.remove(trigger)
                started |= _fire(trigger, run, start)
            if not due and not active:
                break
            time.sleep(0.05)
        ended = "COMPLETED"
    finally:
        run.completed_on, run.status = datetime.now(UTC), ended


def _is_due(trigger: Any, started: Mapping[str, JobRun]) -> bool:
    if trigger.predicate is None:
        return True
    states = {job: job_run.state for job, job_run in started.items()}
    return all(states.get(one.job_name) == one.state.value for one in trigger.predicate.conditions)


def _fire(trigger: Any, run: FakeWorkflowRun, start: StartJob) -> dict[str, JobRun]:
    own = {"--WORKFLOW_NAME": run.workflow_name, "--WORKFLOW_RUN_ID": run.run_id}
    return {
        action.job_name: start(action.job_name, {"Arguments": {**(action.arguments or {}), **own}})
        for action in trigger.actions
    }
