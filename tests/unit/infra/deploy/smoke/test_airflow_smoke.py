"""The smoke run in Airflow, and everything that can delay or prevent it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from infra.deploy.airflow.airflow_api import AirflowApi
from infra.deploy.errors import DeployError
from infra.deploy.smoke.airflow_smoke import AirflowSmoke
from tests.unit.infra.deploy.fake_airflow import FakeAirflow
from tests.unit.infra.deploy.fakes import quiet

pytestmark = pytest.mark.usefixtures("no_pause")
COMMIT = "a1b2c3d4e5f6" + "0" * 28


def smoke(airflow: FakeAirflow, timeout_seconds: float = 0) -> AirflowSmoke:
    return AirflowSmoke(AirflowApi(airflow, "engagement"), quiet()[0], COMMIT, timeout_seconds)


def test_a_dry_run_of_the_newest_date_is_started() -> None:
    airflow = FakeAirflow()
    assert smoke(airflow).run("2026-11-24", "all") is None
    ((method, path, body),) = airflow.changes
    assert (method, path) == ("POST", "/dags/customer_engagement_scoring/dagRuns")
    assert body["conf"] == {"score_date": "2026-11-24", "push_mode": "dry_run"}
    assert body["logical_date"] is None
    assert body["dag_run_id"].startswith("smoke__a1b2c3d4e5f6__")


def test_a_failed_smoke_run_fails_the_deployment() -> None:
    airflow = FakeAirflow()
    airflow.final_state = "failed"
    with pytest.raises(DeployError, match="failed at push_scores"):
        smoke(airflow).run("2026-11-24", "all")


def test_a_dag_stays_paused_when_a_real_run_would_start() -> None:
    airflow = FakeAirflow(is_paused=True)
    reason = smoke(airflow).run("2026-11-24", "all")
    assert reason is not None
    assert "the DAG is paused" in reason
    assert airflow.changes == []


def test_a_dag_that_only_plans_is_unpaused() -> None:
    airflow = FakeAirflow(is_paused=True)
    assert smoke(airflow).run("2026-11-24", "dry_run") is None
    assert [method for method, _, _ in airflow.changes] == ["POST", "PATCH"]
    assert airflow.changes[1][2] == {"is_paused": False}


def test_the_smoke_run_waits_for_other_runs() -> None:
    airflow = FakeAirflow()
    airflow.active_runs = [1, 1, 0]
    assert smoke(airflow, timeout_seconds=60).run("2026-11-24", "all") is None
    assert airflow.active_runs == [0]
    assert len(airflow.changes) == 1


def test_no_smoke_run_starts_while_other_runs_are_active() -> None:
    airflow = FakeAirflow()
    airflow.active_runs = [1]
    with pytest.raises(DeployError, match=r"the DAG has active runs: scheduled__1.*make smoke ENV="):
        smoke(airflow, timeout_seconds=-1).run("2026-11-24", "all")
    assert airflow.changes == []


@pytest.mark.parametrize(
    ("change", "code_changed_at", "expected"),
    [
        ({"dag": None}, None, "has not found the DAG"),
        ({"source": "old"}, None, "has not parsed the new DAG file"),
        ({}, datetime(2026, 11, 25, 4, tzinfo=UTC), "has not parsed the new DAG file"),
        (
            {"errors": [{"filename": "customer_engagement_scoring.py", "stack_trace": "Traceback\nImportError: x\n"}]},
            None,
            "Airflow cannot import the DAG: ImportError: x",
        ),
    ],
)
def test_an_outdated_or_broken_dag_is_reported(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], code_changed_at: datetime | None, expected: str
) -> None:
    monkeypatch.setattr("infra.deploy.smoke.airflow_smoke.PARSE_TIMEOUT_SECONDS", -1.0)
    airflow = FakeAirflow()
    for name, value in change.items():
        setattr(airflow, name, value)
    with pytest.raises(DeployError, match=expected):
        smoke(airflow).wait_for_dag("new", code_changed_at)


def test_a_parsed_dag_is_accepted() -> None:
    smoke(FakeAirflow()).wait_for_dag("new", datetime(2026, 11, 25, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("run", "state", "passed"),
    [
        ("smoke__a1b2c3d4e5f6__2026", "success", True),
        ("smoke__a1b2c3d4e5f6__2026", "failed", False),
        ("smoke__ffffffffffff__2026", "success", False),
    ],
)
def test_only_the_latest_smoke_run_of_this_commit_counts(run: str, state: str, passed: bool) -> None:
    airflow = FakeAirflow()
    airflow.runs = [{"dag_run_id": run, "state": state}]
    assert smoke(airflow).has_passed() is passed
