"""A dry run of the DAG on what was deployed: it scores the newest extract, plans, reports, and sends nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from infra.deploy.airflow.airflow_api import AirflowApi
from infra.deploy.airflow.airflow_files import DAG_ID
from infra.deploy.errors import DeployError
from infra.deploy.progress_log import ProgressLog

PARSE_SECONDS = 15 * 60.0
RUN_SECONDS = 2 * 3600.0
_DAG = f"/dags/{DAG_ID}"
_ENDED = ("success", "failed")


def run_id(commit: str) -> str:
    """Id of a smoke run: tells which commit it was of."""
    return f"{_prefix(commit)}{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _prefix(commit: str) -> str:
    return f"smoke__{commit[:12]}__"


class AirflowSmoke:
    """The smoke run of one commit in one environment.

    :param api: Airflow's API
    :param timeout_seconds: seconds to wait for the end of other runs of the DAG
    """

    def __init__(self, api: AirflowApi, progress: ProgressLog, commit: str, timeout_seconds: float) -> None:
        self._api = api
        self._progress = progress
        self._commit = commit
        self._timeout_seconds = timeout_seconds

    def has_passed(self) -> bool:
        """Whether the latest smoke run was of this commit and went well."""
        query = {"run_id_pattern": "smoke__%", "order_by": "-id", "limit": 1}
        runs = self._runs(query) if self._api.find(_DAG) else []
        return bool(runs) and runs[0]["dag_run_id"].startswith(_prefix(self._commit)) and runs[0]["state"] == "success"

    def wait_for_dag(self, source: str, code_changed_at: datetime | None) -> None:
        """Wait until Airflow has read this very DAG file.

        :param code_changed_at: when Airflow's code changed; what was read before does not count
        :raises DeployError: when it does not come, with the import error if there is one
        """

        def poll() -> str | None:
            dag = self._api.find(_DAG)
            errors = self._api.call("GET", "/importErrors", {"limit": 100})["import_errors"]
            mine = [one for one in errors if one["filename"].endswith(f"{DAG_ID}.py")]
            if mine:
                last = mine[0]["stack_trace"].strip().splitlines()[-1]
                return f"the DAG cannot be imported: {last}"
            if dag is None or dag.get("is_stale"):
                return "Airflow has not found the DAG yet"
            parsed = datetime.fromisoformat(dag["last_parsed_time"])
            if (code_changed_at and parsed < code_changed_at) or self._source() != source:
                return "Airflow has not read the new DAG file yet"
            return None

        self._progress.wait_until_done(
            poll, PARSE_SECONDS, "Look at the DAG processor's log; a release before this one can be deployed meanwhile"
        )

    def run(self, score_date: str, push_mode: str) -> str | None:
        """Run it to its end; None when it went well, else why it was not started.

        :param push_mode: of the Variable: whether a paused DAG may be switched on
        :raises DeployError: when it failed, or other runs did not end
        """
        is_paused = self._api.call("GET", _DAG)["is_paused"]
        if is_paused and push_mode != "dry_run":
            return (
                "the DAG is paused, and switching it on would start a real run, for push_mode is "
                f"{push_mode!r}. Switch it on in Airflow when the CRM may be told"
            )
        self._progress.wait_until_done(
            self._other_active_runs,
            self._timeout_seconds,
            "It is deployed; run `make smoke ENV=...` once they have ended",
        )
        name = run_id(self._commit)
        conf = {"score_date": score_date, "push_mode": "dry_run"}
        self._api.call("POST", f"{_DAG}/dagRuns", body={"dag_run_id": name, "logical_date": None, "conf": conf})
        self._progress.write(f"smoke run {name}: a dry run of {score_date}")
        if is_paused:  # only now: the scheduled run that this starts may wait for its extract for hours
            self._progress.write("switching the DAG on, which was paused; push_mode is dry_run")
            self._api.call("PATCH", _DAG, body={"is_paused": False})
        self._progress.wait_until_done(self._poll_run(name), RUN_SECONDS, f"Look at the run {name} in Airflow")
        if self._run(name)["state"] != "success":
            failed = [task for task, state in self._tasks(name).items() if state == "failed"]
            raise DeployError(
                f"the smoke run {name} failed at {', '.join(failed)}; what is deployed stays. Read the log of "
                "summarize_responses in Airflow, or go back with --release"
            )
        return None

    def _other_active_runs(self) -> str | None:
        active = [run["dag_run_id"] for run in self._runs({"state": "running"}) + self._runs({"state": "queued"})]
        return f"the DAG is under way: {', '.join(active)}" if active else None

    def _poll_run(self, name: str) -> Callable[[], str | None]:
        def poll() -> str | None:
            state = self._run(name)["state"]
            if state in _ENDED:
                return None
            tasks = ", ".join(f"{task} {how}" for task, how in self._tasks(name).items() if how) or "no task yet"
            return f"smoke run: {tasks}"

        return poll

    def _runs(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._api.call("GET", f"{_DAG}/dagRuns", query)["dag_runs"]
        return found

    # MWAA takes paths of at most 64 characters, which the id of a run would exceed: runs are asked for by a filter.

    def _run(self, name: str) -> dict[str, Any]:
        (found,) = [run for run in self._runs({"run_id_pattern": name}) if run["dag_run_id"] == name]
        return found

    def _tasks(self, name: str) -> dict[str, str]:
        asked = {"dag_ids": [DAG_ID], "dag_run_ids": [name]}
        answer = self._api.call("POST", "/dags/~/dagRuns/~/taskInstances/list", body=asked)
        return {task["task_id"]: task["state"] or "" for task in answer["task_instances"]}

    def _source(self) -> str | None:
        answer = self._api.find(f"/dagSources/{DAG_ID}")
        source: str | None = answer["content"] if isinstance(answer, dict) else answer
        return source
