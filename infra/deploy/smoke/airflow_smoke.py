"""A smoke run in Airflow: a dry run of the DAG, which scores the newest extract, plans, reports, and sends nothing."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from infra.deploy.airflow.airflow_api import AirflowApi
from infra.deploy.airflow.airflow_files import DAG_ID
from infra.deploy.errors import DeployError
from infra.deploy.progress_log import ProgressLog
from infra.deploy.smoke import smoke_run_id

PARSE_TIMEOUT_SECONDS = 15 * 60.0
RUN_TIMEOUT_SECONDS = 2 * 3600.0
_DAG = f"/dags/{DAG_ID}"
_FINISHED = ("success", "failed")


class AirflowSmoke:
    """The smoke run of one commit in one environment.

    :param timeout_seconds: limit for other runs of the DAG to end
    """

    def __init__(self, api: AirflowApi, progress: ProgressLog, commit: str, timeout_seconds: float) -> None:
        self._api = api
        self._progress = progress
        self._commit = commit
        self._timeout_seconds = timeout_seconds

    def has_passed(self) -> bool:
        """Return whether the latest smoke run was of this commit and succeeded."""
        query = {"run_id_pattern": f"{smoke_run_id.PREFIX}%", "order_by": "-id", "limit": 1}
        runs = self._runs(query) if self._api.find(_DAG) else []
        if not runs:
            return False
        run_id = str(runs[0]["dag_run_id"])
        return run_id.startswith(smoke_run_id.commit_prefix(self._commit)) and runs[0]["state"] == "success"

    def wait_for_dag(self, source: str, code_changed_at: datetime | None) -> None:
        """Wait until Airflow has parsed this version of the DAG file.

        :param source: text of the DAG file
        :param code_changed_at: when Airflow's code changed; an earlier parse does not count
        :raises DeployError: after a timeout, with the import error if there is one
        """

        def poll() -> str | None:
            dag = self._api.find(_DAG)
            errors = self._api.call("GET", "/importErrors", {"limit": 100})["import_errors"]
            import_errors = [error for error in errors if error["filename"].endswith(f"{DAG_ID}.py")]
            if import_errors:
                last_line = import_errors[0]["stack_trace"].strip().splitlines()[-1]
                return f"Airflow cannot import the DAG: {last_line}"
            if dag is None or dag.get("is_stale"):
                return "Airflow has not found the DAG yet"
            parsed_at = datetime.fromisoformat(dag["last_parsed_time"])
            if (code_changed_at and parsed_at < code_changed_at) or self._source() != source:
                return "Airflow has not parsed the new DAG file yet"
            return None

        advice = "Check the DAG processor's log; until it is fixed, you can deploy an earlier release"
        self._progress.wait_until_done(poll, PARSE_TIMEOUT_SECONDS, advice)

    def run(self, score_date: str, push_mode: str) -> str | None:
        """Start the smoke run and wait for its end.

        :param push_mode: setting in the Variable; decides whether a paused DAG may be unpaused
        :return: None when it succeeded, otherwise why it was not started
        :raises DeployError: when it failed, or when other runs did not end in time
        """
        is_paused = self._api.call("GET", _DAG)["is_paused"]
        if is_paused and push_mode != "dry_run":
            return (
                "the DAG is paused, and unpausing it would start a real run, because push_mode is "
                f"{push_mode!r}. Unpause it in Airflow when scores may be sent to the CRM"
            )
        advice = "The release is deployed; run `make smoke ENV=...` when they have ended"
        self._progress.wait_until_done(self._other_active_runs, self._timeout_seconds, advice)
        run_id = smoke_run_id.new_run_id(self._commit)
        conf = {"score_date": score_date, "push_mode": "dry_run"}
        self._api.call("POST", f"{_DAG}/dagRuns", body={"dag_run_id": run_id, "logical_date": None, "conf": conf})
        self._progress.write(f"smoke run {run_id}: a dry run of {score_date}")
        if is_paused:  # not earlier: unpausing starts the scheduled run, which may wait for its extract for hours
            self._progress.write("unpausing the DAG, because push_mode is dry_run")
            self._api.call("PATCH", _DAG, body={"is_paused": False})
        self._wait_for_success(run_id)
        return None

    def _wait_for_success(self, run_id: str) -> None:
        advice = f"Check the run {run_id} in Airflow"
        self._progress.wait_until_done(self._poll_run(run_id), RUN_TIMEOUT_SECONDS, advice)
        if self._run(run_id)["state"] != "success":
            failed = [task for task, state in self._tasks(run_id).items() if state == "failed"]
            raise DeployError(
                f"the smoke run {run_id} failed at {', '.join(failed)}. The release stays deployed. Read the log of "
                "summarize_responses in Airflow and fix the cause, or go back with --release"
            )

    def _other_active_runs(self) -> str | None:
        active = [run["dag_run_id"] for run in self._runs({"state": "running"}) + self._runs({"state": "queued"})]
        return f"the DAG has active runs: {', '.join(active)}" if active else None

    def _poll_run(self, run_id: str) -> Callable[[], str | None]:
        def poll() -> str | None:
            state = self._run(run_id)["state"]
            if state in _FINISHED:
                return None
            tasks = ", ".join(f"{task} {state}" for task, state in self._tasks(run_id).items() if state)
            return f"smoke run: {tasks or 'no task has started'}"

        return poll

    def _runs(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = self._api.call("GET", f"{_DAG}/dagRuns", query)["dag_runs"]
        return runs

    # MWAA accepts paths of at most 64 characters. A run id would exceed that, so runs are requested by a filter.

    def _run(self, run_id: str) -> dict[str, Any]:
        (run,) = [run for run in self._runs({"run_id_pattern": run_id}) if run["dag_run_id"] == run_id]
        return run

    def _tasks(self, run_id: str) -> dict[str, str]:
        query = {"dag_ids": [DAG_ID], "dag_run_ids": [run_id]}
        response = self._api.call("POST", "/dags/~/dagRuns/~/taskInstances/list", body=query)
        return {task["task_id"]: task["state"] or "" for task in response["task_instances"]}

    def _source(self) -> str | None:
        response = self._api.find(f"/dagSources/{DAG_ID}")
        source: str | None = response["content"] if isinstance(response, dict) else response
        return source
