"""A fake of MWAA's client and the Airflow behind it."""

from __future__ import annotations

from typing import Any

from tests.unit.infra.deploy.fakes import client_error

PARSED_AT = "2026-11-25T03:00:00Z"


class FakeAirflow:
    """Answers as the attributes describe, and records every call that changes something."""

    def __init__(self, **dag: Any) -> None:
        self.dag: dict[str, Any] | None = {"is_paused": False, "is_stale": False, "last_parsed_time": PARSED_AT, **dag}
        self.source = "new"
        self.errors: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.active_runs = [0]  # number of other active runs, one item for each poll
        self.final_state = "success"
        self.pool: dict[str, Any] | None = None
        self.changes: list[tuple[str, str, Any]] = []

    def invoke_rest_api(self, Name: str, Method: str, Path: str, **arguments: Any) -> dict[str, Any]:  # noqa: N803
        assert Name == "engagement"
        assert len(Path) <= 64  # MWAA's limit
        query, body = arguments.get("QueryParameters", {}), arguments.get("Body")
        if "/taskInstances" in Path:
            assert body == {"dag_ids": ["customer_engagement_scoring"], "dag_run_ids": [self.runs[0]["dag_run_id"]]}
            return {"RestApiResponse": {"task_instances": [{"task_id": "push_scores", "state": "failed"}]}}
        if Method != "GET":
            self.changes.append((Method, Path, body))
        response = self._respond(Method, Path, query, body)
        if response is None:
            raise client_error("RestApiClientException", RestApiStatusCode=404, RestApiResponse={"detail": "none"})
        return {"RestApiStatusCode": 200, "RestApiResponse": response}

    def _respond(self, method: str, path: str, query: dict[str, Any], body: Any) -> Any:
        if path == "/importErrors":
            return {"import_errors": self.errors}
        if path.startswith("/dagSources/"):
            return {"content": self.source}
        if path.startswith("/pools"):
            if method != "GET":
                self.pool = {"description": None, **body}
            return self.pool
        if path.endswith("/dagRuns") and method == "POST":
            self.runs.insert(0, {**body, "state": "queued"})
            return self.runs[0]
        if path.endswith("/dagRuns"):
            return {"dag_runs": self._find_runs(query)}
        return self.dag

    def _find_runs(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        if query.get("run_id_pattern") == "smoke__%":
            return self.runs[:1]
        if "run_id_pattern" in query:
            self.runs[0]["state"] = self.final_state
            return self.runs
        is_last = len(self.active_runs) == 1
        count = self.active_runs[0] if query["state"] == "queued" or is_last else self.active_runs.pop(0)
        return [{"dag_run_id": "scheduled__1", "state": "running"}] * count
