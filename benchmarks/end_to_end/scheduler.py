"""Airflow as it runs at night: API server, scheduler, triggerer and DAG processor, each a process of its own."""

from __future__ import annotations

import compileall
import contextlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.end_to_end import state_changes
from benchmarks.end_to_end.moments import Changes
from local.airflow import DAG_ID
from local.aws.mwaa.airflow import Airflow
from local.processes import REPOSITORY
from local.stack import Stack

_CALL_SECONDS = 30.0
_PARSE_SECONDS = 120.0
# Airflow's own defaults: the stand-in's would have the DAG parsed every three seconds, beside what is measured.
_QUIET = {"dag_processor.refresh_interval": "300", "dag_processor.min_file_process_interval": "30"}


@dataclass(frozen=True)
class Scheduler:
    """The DAG in a running Airflow."""

    airflow: Airflow

    @property
    def database(self) -> Path:
        """The file of the metadata database."""
        return self.airflow.home / "airflow.db"

    def start_run(self, conf: Mapping[str, Any]) -> str:
        """Start a run by hand; its id."""
        run = self._ask("POST", f"/dags/{DAG_ID}/dagRuns", {"logical_date": None, "conf": dict(conf)})
        return str(run["dag_run_id"])

    def end_scheduled_runs(self) -> None:
        """End what the timetable started: it would wait beside the others for an extract that never comes."""
        for run in self._ask("GET", f"/dags/{DAG_ID}/dagRuns")["dag_runs"]:
            if run["run_type"] == "scheduled" and run["state"] in ("queued", "running"):
                self._ask("PATCH", f"/dags/{DAG_ID}/dagRuns/{run['dag_run_id']}", {"state": "failed"})

    def changes(self, run_id: str) -> Changes:
        """The states of a run's tasks until now, and when each began."""
        return state_changes.of_run(self.database, run_id)

    def switch_on(self, variable: Mapping[str, Any]) -> None:
        """Make what the DAG needs, and let it be scheduled. Raises TimeoutError when it is not there in time."""
        pool = {"name": "engagement", "slots": 1, "include_deferred": True}
        self._ask("POST", "/pools", pool)
        self._ask("POST", "/variables", {"key": "engagement", "value": json.dumps(dict(variable))})
        deadline = time.monotonic() + _PARSE_SECONDS
        while self.airflow.call("GET", f"/dags/{DAG_ID}", {}, None, _CALL_SECONDS).status_code != 200:
            if time.monotonic() > deadline:
                raise TimeoutError(f"Airflow has no {DAG_ID} after {_PARSE_SECONDS:.0f} s; see {self.airflow.logs}")
            time.sleep(0.5)
        self._ask("PATCH", f"/dags/{DAG_ID}", {"is_paused": False})

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.airflow.call(method, path, {}, body, _CALL_SECONDS)
        answer.raise_for_status()
        return answer.json()


@contextlib.contextmanager
def running(folder: Path, world: Stack, variable: Mapping[str, Any], config: Mapping[str, int]) -> Iterator[Scheduler]:
    """Start Airflow with the DAG switched on; every process of it is ended when the block is left.

    :param folder: Airflow's home, which must not be there yet
    :param variable: the Variable `engagement`
    :param config: values of section `[engagement]`
    """
    scheduler = Scheduler(Airflow(folder, world.s3_url, world.aws_url))
    dags, plugins = (_installed(name, folder) for name in ("dags", "plugins"))
    options = {f"engagement.{name}": str(value) for name, value in config.items()}
    try:
        scheduler.airflow.start(dags, plugins, {**_QUIET, **options})
        state_changes.note(scheduler.database)
        scheduler.switch_on(variable)
        yield scheduler
    finally:
        scheduler.airflow.stop()


def _installed(name: str, home: Path) -> Path:
    """A copy with bytecode beside it, as a machine has that ran it yesterday: the stand-in's Airflow writes none."""
    copy = home / name
    shutil.copytree(REPOSITORY / name, copy, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(copy, quiet=1)
    return copy
