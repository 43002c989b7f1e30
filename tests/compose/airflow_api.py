"""Airflow's public REST API, as a person or a script outside uses it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import requests

from tests.support.waiting import PATIENCE, wait_until

DAG = "customer_engagement_scoring"
FINISHED = {"success", "failed"}


class Airflow:
    """A login and what it may do."""

    def __init__(self, url: str, password: str) -> None:
        self.url = url
        answer = requests.post(f"{url}/auth/token", json={"username": "admin", "password": password}, timeout=PATIENCE)
        answer.raise_for_status()
        self._headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def call(self, method: str, path: str, **body: Any) -> Any:
        """Call `/api/v2/<path>`. Raises HTTPError with the answer's text."""
        answer = requests.request(
            method, f"{self.url}/api/v2/{path}", headers=self._headers, json=body or None, timeout=PATIENCE
        )
        if not answer.ok:
            raise requests.HTTPError(f"{method} {path}: HTTP {answer.status_code}: {answer.text[:2000]}")
        return answer.json() if answer.content else None

    def await_dag(self) -> None:
        """Wait until the DAG processor has found the DAG."""

        def is_known() -> bool:
            return any(dag["dag_id"] == DAG for dag in self.call("GET", "dags")["dags"])

        wait_until(is_known, "the DAG to be found")

    def unpause(self) -> None:
        """Switch the DAG on, as soon as it is there."""
        self.await_dag()
        self.call("PATCH", f"dags/{DAG}", is_paused=False)

    def trigger(self, logical_date: str | None = None, /, **conf: Any) -> str:
        """Start a manual run, without a logical date where none is given; give its run id."""
        run: str = self.call("POST", f"dags/{DAG}/dagRuns", logical_date=logical_date, conf=conf)["dag_run_id"]
        return run

    def backfill(self, first: str, last: str, **options: Any) -> int:
        """Start a backfill of the days `first` to `last`; give its id.

        :param options: as in the request: reprocess_behavior, run_backwards, dag_run_conf, max_active_runs
        """
        days = {"from_date": f"{first}T00:00:00Z", "to_date": f"{last}T23:59:59Z"}
        return int(self.call("POST", "backfills", dag_id=DAG, **days, **options)["id"])

    def backfills(self) -> list[int]:
        """Ids of all backfills."""
        return [int(found["id"]) for found in self.call("GET", f"backfills?dag_id={DAG}&limit=100")["backfills"]]

    def backfill_is_done(self, backfill: int) -> bool:
        """Whether the scheduler takes all its runs for ended: Airflow 3.2.1 may do so before it has made them."""
        return self.call("GET", f"backfills/{backfill}")["completed_at"] is not None

    def clear(self, run_id: str, *tasks: str, downstream: bool = False) -> None:
        """Clear tasks of a run, as the button does."""
        self.call(
            "POST", f"dags/{DAG}/clearTaskInstances", dry_run=False, only_failed=False,
            dag_run_id=run_id, task_ids=list(tasks), include_downstream=downstream,
        )  # fmt: skip

    def mark(self, run_id: str, state: str, task: str | None = None) -> None:
        """Set the state of a task by hand, or that of the whole run."""
        if task:
            self.call("PATCH", f"{run_path(run_id)}/taskInstances/{task}", new_state=state)
        else:
            self.call("PATCH", run_path(run_id), state=state)

    def runs(self) -> dict[str, dict[str, Any]]:
        """All runs by run id, the one that was made last first."""
        found = self.call("GET", f"dags/{DAG}/dagRuns?order_by=-id&limit=100")["dag_runs"]
        return {run["dag_run_id"]: run for run in found}

    def state(self, run_id: str) -> str:
        """State of a run."""
        state: str = self.call("GET", run_path(run_id))["state"]
        return state

    def tasks(self, run_id: str) -> dict[str, dict[str, Any]]:
        """The run's task instances by task id."""
        found = self.call("GET", f"{run_path(run_id)}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in found}

    def states(self, run_id: str) -> dict[str, str]:
        """State of each task."""
        return {name: task["state"] or "" for name, task in self.tasks(run_id).items()}

    def reach(self, run_id: str, task: str, *states: str) -> str:
        """Wait until a task is in one of some states; give which."""

        def now() -> str:
            return self.states(run_id).get(task, "")

        wait_until(lambda: now() in states, f"{task} to be {'/'.join(states)}", now, every=0.1)
        return now()

    def finish(self, run_id: str, limit: float = PATIENCE) -> tuple[str, set[tuple[str, str]]]:
        """Wait for the end of a run; give its state, and every (task, state) seen on the way."""
        seen: set[tuple[str, str]] = set()

        def has_ended() -> bool:
            seen.update(self.states(run_id).items())
            return self.state(run_id) in FINISHED

        wait_until(has_ended, f"{run_id} to end", lambda: str(self.states(run_id)), limit=limit)
        return self.state(run_id), seen

    def log(self, run_id: str, task: str, attempt: int = 1) -> str:
        """What one attempt of a task logged, a line an event."""
        path = f"{run_path(run_id)}/taskInstances/{task}/logs/{attempt}?full_content=true"
        content = self.call("GET", path)["content"]
        return "\n".join(str(line.get("event", line)) if isinstance(line, dict) else str(line) for line in content)


def last_scheduled() -> date:
    """The date of the last scheduled run: before 03:00 it is yesterday."""
    return (datetime.now(UTC) - timedelta(hours=3)).date()


def run_path(run_id: str) -> str:
    """Path of a run in the API."""
    return f"dags/{DAG}/dagRuns/{quote(run_id, safe='')}"
