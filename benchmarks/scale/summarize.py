"""The DAG's last task in a process of its own: `python -m benchmarks.scale.summarize BEGAN MODULE CLASS ARGUMENTS`.

In the Airflow environment. What is run is named by whoever starts it, at BEGAN on the machine's monotonic clock: no
benchmark imports the DAG's side. The task finds all before it done, as after a night in which nothing went wrong.
Prints one JSON line: what the imports took, and the whole, and what the task returned.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

from benchmarks import machine
from benchmarks.scale.measurements import Taken
from local.airflow import DAG_ID, TASKS


class TaskInstance:
    """What a task asks of Airflow while it runs."""

    dag_id = DAG_ID

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id

    def get_task_states(self, *, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:  # noqa: ARG002
        """All went well."""
        return {run_id: dict.fromkeys(TASKS, "success") for run_id in run_ids}

    def xcom_pull(self, **_: Any) -> dict[str, list[str]]:
        """What the check of the scores returned."""
        return {"warnings": [], "checks": ["rows add up"]}


def main() -> None:
    """Import, run, tell."""
    began, module, name, arguments = float(sys.argv[1]), sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
    airflow, task_module = (importlib.import_module(each) for each in ("airflow.sdk", module))
    imports = _taken(began)
    with airflow.DAG(DAG_ID, schedule=None) as dag:
        tasks = [airflow.BaseOperator(task_id=task) for task in TASKS[:-1]]
        last = getattr(task_module, name)(task_id=TASKS[-1], trigger_rule="all_done", **arguments)
        for before, after in zip(tasks, [*tasks[1:], last], strict=True):
            before.set_downstream(after)
    returned = last.execute({"ti": TaskInstance(arguments["run_id"]), "task": last, "dag": dag})
    print()  # whatever was logged before may have left its line open
    print(json.dumps({"imports": imports, "whole": _taken(began), "returned": returned}))


def _taken(began: float) -> Taken:
    return Taken(seconds=time.monotonic() - began, bytes=machine.peak_memory())


if __name__ == "__main__":
    main()
