"""The lines that the demo prints while the DAG run is in progress."""

import contextlib
import time
from collections.abc import Callable, Iterator

from local import stack
from local.airflow_home import TASKS, AirflowHome

_LABELS = {
    "queued": "running",
    "running": "running",
    "deferred": "running",
    "up_for_retry": "failed, will retry",
    "success": "success",
    "failed": "FAILED",
    "upstream_failed": "not run",
}
_POLL_SECONDS = 0.3
_PROGRESS_SECONDS = 2.0


class DemoLog:
    """Lines on the terminal, each with the seconds since the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def write(self, text: str) -> None:
        """Print one line."""
        print(f"{time.monotonic() - self._start:6.1f} s  {text}", flush=True)


def follow_run(
    home: AirflowHome,
    running_stack: stack.RunningStack,
    exit_code: Callable[[], int | None],
    upload_extract: Callable[[], None],
    end_fault: Callable[[], None],
    log: DemoLog,
) -> None:
    """Print each change of a task's state until the DAG run has ended.

    :param exit_code: returns None while the DAG run is in progress
    :param upload_extract: called once, when the sensor waits for the extract
    :param end_fault: called each time an attempt of the push task has failed and will be retried
    """
    labels: dict[str, str] = {}
    is_uploaded = False
    progress = _progress(running_stack, log)
    while exit_code() is None:
        states = home.states()
        for task in _print_changes(states, labels, log):
            if (task, states[task]) == ("push_scores", "up_for_retry"):
                end_fault()
        if not is_uploaded and states.get("wait_for_activity") == "deferred":
            upload_extract()
            is_uploaded = True
        if labels.get("push_scores") == _LABELS["running"]:
            next(progress)
        time.sleep(_POLL_SECONDS)
    _print_changes(home.states(), labels, log)


def _print_changes(states: dict[str, str], labels: dict[str, str], log: DemoLog) -> list[str]:
    """Print the tasks whose label has changed, in the order of the DAG; return their names.

    :param labels: the last printed label of each task, updated here
    """
    changed = []
    for task in TASKS:
        label = _LABELS.get(states.get(task, ""))
        if label and label != labels.get(task):
            log.write(f"{task:<20} {label}")
            labels[task] = label
            changed.append(task)
    return changed


def _progress(running_stack: stack.RunningStack, log: DemoLog) -> Iterator[None]:
    """Print the number of users in the CRM every few seconds, if it has changed."""
    printed_at, users = time.monotonic(), 0
    while True:
        if time.monotonic() - printed_at >= _PROGRESS_SECONDS:
            printed_at = time.monotonic()
            current = users
            with contextlib.suppress(OSError):
                current = running_stack.crm("GET", "stats")["users"]
            if current != users:
                log.write(f"{'':<20} users in the CRM: {current:,}")
                users = current
        yield
