"""Airflow's API through MWAA, the pool, and the smoke run with everything that may stand in its way."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from infra.deploy.airflow.airflow_api import AirflowApi, ensure_pool
from infra.deploy.errors import AirflowError, DeployError
from infra.deploy.smoke.airflow_smoke import AirflowSmoke
from tests.unit.infra.deploy.fakes import client_error, quiet

pytestmark = pytest.mark.usefixtures("no_pause")
COMMIT = "a1b2c3d4e5f6" + "0" * 28
PARSED = "2026-11-25T03:00:00Z"


class Airflow:
    """MWAA's client before an Airflow that a test describes; every call that changes something is kept."""

    def __init__(self, **dag: Any) -> None:
        self.dag: dict[str, Any] | None = {"is_paused": False, "is_stale": False, "last_parsed_time": PARSED, **dag}
        self.source = "new"
        self.errors: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.others = [0]  # how many other runs are active, look by look
        self.end = "success"
        self.pool: dict[str, Any] | None = None
        self.changed: list[tuple[str, str, Any]] = []

    def invoke_rest_api(self, Name: str, Method: str, Path: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        assert Name == "engagement"
        assert len(Path) <= 64  # what MWAA takes
        query, body = asked.get("QueryParameters", {}), asked.get("Body")
        if "/taskInstances" in Path:
            assert body == {"dag_ids": ["customer_engagement_scoring"], "dag_run_ids": [self.runs[0]["dag_run_id"]]}
            return {"RestApiResponse": {"task_instances": [{"task_id": "push_scores", "state": "failed"}]}}
        if Method != "GET":
            self.changed.append((Method, Path, body))
        answer = self._answer(Method, Path, query, body)
        if answer is None:
            raise client_error("RestApiClientException", RestApiStatusCode=404, RestApiResponse={"detail": "none"})
        return {"RestApiStatusCode": 200, "RestApiResponse": answer}

    def _answer(self, method: str, path: str, query: dict[str, Any], body: Any) -> Any:
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
            return {"dag_runs": self._found(query)}
        return self.dag

    def _found(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        if query.get("run_id_pattern") == "smoke__%":
            return self.runs[:1]
        if "run_id_pattern" in query:
            self.runs[0]["state"] = self.end
            return self.runs
        count = self.others[0] if query["state"] == "queued" or len(self.others) == 1 else self.others.pop(0)
        return [{"dag_run_id": "scheduled__1", "state": "running"}] * count


def smoke(airflow: Airflow, timeout_seconds: float = 0) -> AirflowSmoke:
    return AirflowSmoke(AirflowApi(airflow, "engagement"), quiet()[0], COMMIT, timeout_seconds)


def test_a_dry_run_of_the_newest_date_is_started_and_awaited() -> None:
    airflow = Airflow()
    assert smoke(airflow).run("2026-11-24", "all") is None
    ((method, path, body),) = airflow.changed
    assert (method, path) == ("POST", "/dags/customer_engagement_scoring/dagRuns")
    assert body["conf"] == {"score_date": "2026-11-24", "push_mode": "dry_run"}
    assert body["logical_date"] is None
    assert body["dag_run_id"].startswith("smoke__a1b2c3d4e5f6__")


def test_a_smoke_run_that_fails_is_told() -> None:
    airflow = Airflow()
    airflow.end = "failed"
    with pytest.raises(DeployError, match="failed at push_scores"):
        smoke(airflow).run("2026-11-24", "all")


def test_a_paused_dag_stays_paused_where_a_real_run_would_start() -> None:
    airflow = Airflow(is_paused=True)
    reason = smoke(airflow).run("2026-11-24", "all")
    assert reason is not None
    assert "the DAG is paused" in reason
    assert airflow.changed == []


def test_a_paused_dag_is_switched_on_after_the_smoke_run() -> None:
    airflow = Airflow(is_paused=True)
    assert smoke(airflow).run("2026-11-24", "dry_run") is None
    assert [method for method, _, _ in airflow.changed] == ["POST", "PATCH"]
    assert airflow.changed[1][2] == {"is_paused": False}


def test_other_runs_are_waited_for() -> None:
    airflow = Airflow()
    airflow.others = [1, 1, 0]
    assert smoke(airflow, timeout_seconds=60).run("2026-11-24", "all") is None


def test_other_runs_that_do_not_end_are_not_disturbed() -> None:
    airflow = Airflow()
    airflow.others = [1]
    with pytest.raises(DeployError, match=r"the DAG is under way: scheduled__1.*make smoke ENV="):
        smoke(airflow, timeout_seconds=-1).run("2026-11-24", "all")
    assert airflow.changed == []


@pytest.mark.parametrize(
    ("change", "since", "words"),
    [
        ({"dag": None}, None, "has not found the DAG"),
        ({"source": "old"}, None, "has not read the new DAG file"),
        ({}, datetime(2026, 11, 25, 4, tzinfo=UTC), "has not read the new DAG file"),
        (
            {"errors": [{"filename": "customer_engagement_scoring.py", "stack_trace": "Traceback\nImportError: x\n"}]},
            None,
            "the DAG cannot be imported: ImportError: x",
        ),
    ],
)
def test_the_dag_has_to_be_read_anew(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], since: datetime | None, words: str
) -> None:
    monkeypatch.setattr("infra.deploy.smoke.airflow_smoke.PARSE_SECONDS", -1.0)
    airflow = Airflow()
    for name, value in change.items():
        setattr(airflow, name, value)
    with pytest.raises(DeployError, match=words):
        smoke(airflow).wait_for_dag("new", since)


def test_a_dag_that_was_read_is_good() -> None:
    smoke(Airflow()).wait_for_dag("new", datetime(2026, 11, 25, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("run", "state", "passed"),
    [
        ("smoke__a1b2c3d4e5f6__2026", "success", True),
        ("smoke__a1b2c3d4e5f6__2026", "failed", False),
        ("smoke__ffffffffffff__2026", "success", False),
    ],
)
def test_only_the_latest_smoke_run_of_this_commit_counts(run: str, state: str, passed: bool) -> None:
    airflow = Airflow()
    airflow.runs = [{"dag_run_id": run, "state": state}]
    assert smoke(airflow).has_passed() is passed


def test_the_pool_is_made_and_mended_once() -> None:
    airflow = Airflow()
    api = AirflowApi(airflow, "engagement")
    assert ensure_pool(api, "engagement")
    assert airflow.pool is not None
    assert (airflow.pool["slots"], airflow.pool["include_deferred"]) == (1, True)
    assert not ensure_pool(api, "engagement")
    airflow.pool["include_deferred"] = False
    assert ensure_pool(api, "engagement")
    assert [method for method, _, _ in airflow.changed] == ["POST", "PATCH"]


class Busy:
    """Answers with these statuses, one after the other; 200 is a success."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)

    def invoke_rest_api(self, **_: Any) -> dict[str, Any]:
        status = self.statuses.pop(0)
        if status == 200:
            return {"RestApiResponse": {"good": True}}
        raise client_error("RestApiClientException", RestApiStatusCode=status, RestApiResponse={})


def test_a_busy_airflow_is_asked_again_and_changed_once() -> None:
    assert AirflowApi(Busy(504, 502, 200), "engagement").call("GET", "/x") == {"good": True}
    assert AirflowApi(Busy(504, 409), "engagement").call("POST", "/x") is None
    with pytest.raises(AirflowError, match="HTTP 409"):
        AirflowApi(Busy(409), "engagement").call("POST", "/x")
    with pytest.raises(AirflowError, match="HTTP 504"):
        AirflowApi(Busy(*[504] * 6), "engagement").call("GET", "/x")


def test_an_airflow_that_refuses_is_not_silent() -> None:
    assert "HTTP 502" in (AirflowApi(Busy(502), "engagement").unavailable_reason() or "")
    assert AirflowApi(Busy(200), "engagement").unavailable_reason() is None
    with pytest.raises(AirflowError, match="HTTP 403"):
        AirflowApi(Busy(403), "engagement").unavailable_reason()


def mwaa(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    return boto3.client("mwaa", region_name="eu-central-1")


def test_calls_have_the_shape_that_mwaa_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    client = mwaa(monkeypatch)
    with Stubber(client) as stub:
        asked = {"Name": "engagement", "Method": "GET", "Path": "/dags", "QueryParameters": {"limit": 1}}
        stub.add_response("invoke_rest_api", {"RestApiStatusCode": 200, "RestApiResponse": {"dags": []}}, asked)
        assert AirflowApi(client, "engagement").call("GET", "/dags", {"limit": 1}) == {"dags": []}
        text = {"RestApiStatusCode": 200, "RestApiResponse": json.dumps({"a": 1})}
        stub.add_response("invoke_rest_api", text)
        assert AirflowApi(client, "engagement").call("POST", "/x", body={}) == {"a": 1}


def test_airflows_refusal_is_told_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    client = mwaa(monkeypatch)
    with Stubber(client) as stub:
        said = {"RestApiStatusCode": 409, "RestApiResponse": {"detail": "is there"}}
        stub.add_client_error("invoke_rest_api", "RestApiClientException", modeled_fields=said)
        with pytest.raises(AirflowError, match=r'GET /x: HTTP 409: \{"detail": "is there"\}') as raised:
            AirflowApi(client, "engagement").call("GET", "/x")
        assert raised.value.status == 409
