"""Airflow's public REST API, as a person or a script outside uses it."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import requests

DAG = "customer_engagement_scoring"
FINISHED = {"success", "failed"}


class Airflow:
    """A login and what it may do."""

    def __init__(self, url: str, password: str) -> None:
        self.url = url
        answer = requests.post(f"{url}/auth/token", json={"username": "admin", "password": password}, timeout=30)
        answer.raise_for_status()
        self._headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def call(self, method: str, path: str, **body: Any) -> Any:
        """Call `/api/v2/<path>`. Raises HTTPError with the answer's text."""
        answer = requests.request(
            method, f"{self.url}/api/v2/{path}", headers=self._headers, json=body or None, timeout=60
        )
        if not answer.ok:
            raise requests.HTTPError(f"{method} {path}: HTTP {answer.status_code}: {answer.text[:2000]}")
        return answer.json() if answer.content else None

    def unpause(self) -> None:
        """Switch the DAG on, as soon as the DAG processor has found it."""

        def is_known() -> bool:
            return any(dag["dag_id"] == DAG for dag in self.call("GET", "dags")["dags"])

        wait_until(is_known, 120, "the DAG to be found")
        self.call("PATCH", f"dags/{DAG}", is_paused=False)

    def trigger(self, conf: Mapping[str, Any]) -> str:
        """Start a manual run without a logical date, as the button does; give its run id."""
        run: str = self.call("POST", f"dags/{DAG}/dagRuns", logical_date=None, conf=dict(conf))["dag_run_id"]
        return run

    def state(self, run_id: str) -> str:
        """State of a run."""
        state: str = self.call("GET", f"dags/{DAG}/dagRuns/{run_id}")["state"]
        return state

    def tasks(self, run_id: str) -> dict[str, dict[str, Any]]:
        """The run's task instances by task id."""
        found = self.call("GET", f"dags/{DAG}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in found}

    def states(self, run_id: str) -> dict[str, str]:
        """State of each task."""
        return {name: task["state"] or "" for name, task in self.tasks(run_id).items()}

    def finish(self, run_id: str, limit: float) -> tuple[str, set[tuple[str, str]]]:
        """Wait for the end of a run; give its state, and every (task, state) seen on the way."""
        seen: set[tuple[str, str]] = set()

        def has_ended() -> bool:
            seen.update(self.states(run_id).items())
            return self.state(run_id) in FINISHED

        wait_until(has_ended, limit, f"{run_id} to end", lambda: str(self.states(run_id)))
        return self.state(run_id), seen

    def log(self, run_id: str, task: str, attempt: int = 1) -> str:
        """What one attempt of a task logged, a line an event."""
        path = f"dags/{DAG}/dagRuns/{run_id}/taskInstances/{task}/logs/{attempt}?full_content=true"
        content = self.call("GET", path)["content"]
        return "\n".join(str(line.get("event", line)) if isinstance(line, dict) else str(line) for line in content)


def wait_until(
    condition: Callable[[], bool], limit: float, what: str, state: Callable[[], str] = lambda: "", every: float = 1.0
) -> None:
    """Wait for a condition. Raises TimeoutError that says what was waited for, and how things stand."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {limit:.0f} s for {what}; {state()}")
        time.sleep(every)
