"""A real Airflow for the benchmark: `airflow standalone`, with scheduler, triggerer, DAG processor and API server."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from benchmarks.processes import AIRFLOW
from local.airflow_home import DAG_ID, AirflowHome
from local.processes import terminate_on_exit

_START_SECONDS, _END_SECONDS = 180.0, 60.0
_OPTIONS = {
    "AIRFLOW__CORE__PARALLELISM": "3",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",  # listens on loopback only
    "AIRFLOW__API__HOST": "127.0.0.1",
    "PYTHONUNBUFFERED": "1",
}


class Scheduler:
    """REST client of a running Airflow that has the DAG."""

    def __init__(self, url: str, log: Path) -> None:
        self._url, self.log = url, log
        self._session = requests.Session()

    def start_run(self, conf: Mapping[str, Any]) -> str:
        """Trigger a manual run after failing all scheduled runs, so that it runs alone; return its run id."""
        for run in self.call("GET", f"/dags/{DAG_ID}/dagRuns")["dag_runs"]:
            if run["state"] in ("queued", "running"):
                self.call("PATCH", f"/dags/{DAG_ID}/dagRuns/{run['dag_run_id']}", {"state": "failed"})
        run = self.call("POST", f"/dags/{DAG_ID}/dagRuns", {"logical_date": None, "conf": dict(conf)})
        return str(run["dag_run_id"])

    def await_state(self, run_id: str, task: str, state: str, seconds: float) -> None:
        """Wait until a task is in the given state.

        :raises RuntimeError: a task failed, or the state was not reached in time
        """
        deadline = time.monotonic() + seconds
        while (states := self._states(run_id)).get(task) != state:
            if "failed" in states.values() or time.monotonic() > deadline:
                raise RuntimeError(
                    f"expected {task} to be {state} within {seconds:.0f} s, got {states}; see {self.log}"
                )
            time.sleep(0.5)

    def task_times(self, run_id: str) -> dict[str, tuple[float, float]]:
        """Return start and end of each task of an ended run, in epoch seconds."""
        return {task["task_id"]: (_epoch(task["start_date"]), _epoch(task["end_date"])) for task in self._tasks(run_id)}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the REST API and return the parsed response."""
        answer = self._session.request(method, f"{self._url}/api/v2{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def unpause(self) -> None:
        """Wait until Airflow has parsed the DAG, then create its pool and unpause it.

        :raises TimeoutError: Airflow did not parse the DAG in time
        """
        deadline = time.monotonic() + _START_SECONDS
        while True:
            with contextlib.suppress(requests.RequestException):
                token = self._session.get(f"{self._url}/auth/token", timeout=5)
                token.raise_for_status()
                self._session.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
                self.call("GET", f"/dags/{DAG_ID}")
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"Airflow has no DAG {DAG_ID} after {_START_SECONDS:.0f} s; see {self.log}")
            time.sleep(1)
        self.call("POST", "/pools", {"name": "engagement", "slots": 1, "include_deferred": True})
        self.call("PATCH", f"/dags/{DAG_ID}", {"is_paused": False})

    def _states(self, run_id: str) -> dict[str, str]:
        return {task["task_id"]: task["state"] or "" for task in self._tasks(run_id)}

    def _tasks(self, run_id: str) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self.call("GET", f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances")[
            "task_instances"
        ]
        return tasks


@contextlib.contextmanager
def running(home: AirflowHome) -> Iterator[Scheduler]:
    """Start Airflow with the DAG unpaused; end all its processes on exit."""
    port = _free_port()
    url, log = f"http://127.0.0.1:{port}", home.folder / "standalone.log"
    env = {
        **home.env,
        **_OPTIONS,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "PATH": f"{AIRFLOW.parent}:{home.env['PATH']}",  # standalone starts its components by name
    }
    command = [str(AIRFLOW), "-m", "airflow", "standalone"]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True, start_new_session=True
        )
        with terminate_on_exit(process):
            try:
                scheduler = Scheduler(url, log)
                scheduler.unpause()
                yield scheduler
            finally:
                process.send_signal(signal.SIGINT)  # standalone ends its components on SIGINT
                process.wait(_END_SECONDS)


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
