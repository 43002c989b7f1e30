"""A client of Airflow's public REST API."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import requests

from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

DAG = "customer_engagement_scoring"
FINISHED = {"success", "failed"}


class Airflow:
    """A login to the REST API, and the calls that the tests make."""

    def __init__(self, url: str, password: str) -> None:
        self.url = url
        login = {"username": "admin", "password": password}
        response = requests.post(f"{url}/auth/token", json=login, timeout=MAX_WAIT_SECONDS)
        response.raise_for_status()
        self._headers = {"Authorization": f"Bearer {response.json()['access_token']}"}

    def call(self, method: str, path: str, **body: Any) -> Any:
        """Call `/api/v2/<path>`; return the decoded response.

        :raises requests.HTTPError: with the text of the response
        """
        response = requests.request(
            method, f"{self.url}/api/v2/{path}", headers=self._headers, json=body or None, timeout=MAX_WAIT_SECONDS
        )
        if not response.ok:
            raise requests.HTTPError(f"{method} {path}: HTTP {response.status_code}: {response.text[:2000]}")
        return response.json() if response.content else None

    def wait_for_dag(self) -> None:
        """Wait until the DAG processor has loaded the DAG."""

        def is_known() -> bool:
            return any(dag["dag_id"] == DAG for dag in self.call("GET", "dags")["dags"])

        wait_until(is_known, "the DAG to be loaded")

    def unpause(self) -> None:
        """Wait for the DAG and switch it on."""
        self.wait_for_dag()
        self.call("PATCH", f"dags/{DAG}", is_paused=False)

    def trigger(self, logical_date: str | None = None, /, **conf: Any) -> str:
        """Start a manual run; return its run id.

        :param logical_date: None starts a run without a logical date
        :param conf: `conf` of the DAG run
        """
        run: str = self.call("POST", f"dags/{DAG}/dagRuns", logical_date=logical_date, conf=conf)["dag_run_id"]
        return run

    def backfill(self, first: str, last: str, **options: Any) -> int:
        """Start a backfill of the days `first` to `last`; return its id.

        :param options: members of the request: reprocess_behavior, run_backwards, dag_run_conf, max_active_runs
        """
        days = {"from_date": f"{first}T00:00:00Z", "to_date": f"{last}T23:59:59Z"}
        return int(self.call("POST", "backfills", dag_id=DAG, **days, **options)["id"])

    def backfills(self) -> list[int]:
        """Return the ids of all backfills."""
        return [int(backfill["id"]) for backfill in self.call("GET", f"backfills?dag_id={DAG}&limit=100")["backfills"]]

    def backfill_is_done(self, backfill: int) -> bool:
        """Whether Airflow reports the backfill as completed. Airflow 3.2.1 may do so before it has created the runs."""
        return self.call("GET", f"backfills/{backfill}")["completed_at"] is not None

    def clear(self, run_id: str, *tasks: str, downstream: bool = False) -> None:
        """Clear tasks of a run, like the button in the UI."""
        self.call(
            "POST", f"dags/{DAG}/clearTaskInstances", dry_run=False, only_failed=False,
            dag_run_id=run_id, task_ids=list(tasks), include_downstream=downstream,
        )  # fmt: skip

    def mark(self, run_id: str, state: str, task: str | None = None) -> None:
        """Set the state of a task, or of the run if `task` is None."""
        if task:
            self.call("PATCH", f"{run_path(run_id)}/taskInstances/{task}", new_state=state)
        else:
            self.call("PATCH", run_path(run_id), state=state)

    def runs(self) -> dict[str, dict[str, Any]]:
        """Return all runs by run id, newest first."""
        runs = self.call("GET", f"dags/{DAG}/dagRuns?order_by=-id&limit=100")["dag_runs"]
        return {run["dag_run_id"]: run for run in runs}

    def state(self, run_id: str) -> str:
        """Return the state of a run."""
        state: str = self.call("GET", run_path(run_id))["state"]
        return state

    def tasks(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run by task id."""
        tasks = self.call("GET", f"{run_path(run_id)}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in tasks}

    def states(self, run_id: str) -> dict[str, str]:
        """Return the state of each task."""
        return {name: task["state"] or "" for name, task in self.tasks(run_id).items()}

    def wait_for_task(self, run_id: str, task: str, *states: str) -> str:
        """Wait until a task is in one of `states`; return its state."""

        def current() -> str:
            return self.states(run_id).get(task, "")

        wait_until(lambda: current() in states, f"{task} to be {'/'.join(states)}", current, every=0.1)
        return current()

    def finish(self, run_id: str, limit: float = MAX_WAIT_SECONDS) -> tuple[str, set[tuple[str, str]]]:
        """Wait for the end of a run; return its state and every (task, state) that was observed."""
        seen: set[tuple[str, str]] = set()

        def has_ended() -> bool:
            seen.update(self.states(run_id).items())
            return self.state(run_id) in FINISHED

        wait_until(has_ended, f"{run_id} to end", lambda: str(self.states(run_id)), limit=limit)
        return self.state(run_id), seen

    def log(self, run_id: str, task: str, try_number: int = 1) -> str:
        """Return the log of one try of a task, one line per event."""
        path = f"{run_path(run_id)}/taskInstances/{task}/logs/{try_number}?full_content=true"
        content = self.call("GET", path)["content"]
        return "\n".join(str(line.get("event", line)) if isinstance(line, dict) else str(line) for line in content)


def last_scheduled() -> date:
    """Return the date of the last scheduled run, which is yesterday before 03:00."""
    return (datetime.now(UTC) - timedelta(hours=3)).date()


def run_path(run_id: str) -> str:
    """Return the path of a run in the API."""
    return f"dags/{DAG}/dagRuns/{quote(run_id, safe='')}"
