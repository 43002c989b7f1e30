"""One day under Airflow's separate processes: scheduler, triggerer, DAG processor, API server, PostgreSQL."""

import time
from datetime import UTC, datetime

import pytest
import requests

from tests.compose.live.airflow_api import DAG, wait_until
from tests.compose.live.conftest import Running

TASKS = {"wait_for_activity", "check_activity", "score_users", "check_scores", "push_scores", "summarize_responses"}
DAY_SECONDS = 900
# Coming up counts to the first test that needs the stack.
pytestmark = pytest.mark.timeout(2_400)


def test_a_triggered_day_goes_green(running: Running) -> None:
    airflow = running.airflow()
    began = time.monotonic()
    airflow.unpause()
    run_id = airflow.trigger({"score_date": datetime.now(UTC).date().isoformat()})
    state, seen = airflow.finish(run_id, DAY_SECONDS)
    assert state == "success", airflow.log(run_id, "summarize_responses")
    assert airflow.states(run_id) == dict.fromkeys(TASKS, "success")
    assert {("score_users", "deferred"), ("push_scores", "deferred")} <= seen  # the triggerer waited, no worker
    print(f"\ngreen after {time.monotonic() - began:.0f} s", flush=True)
    assert running.crm("stats")["users"] == 10_000


def test_the_scheduled_run_beside_it_goes_green_and_no_user_is_told_twice(running: Running) -> None:
    airflow = running.airflow()

    def scheduled() -> list[str]:
        runs = airflow.call("GET", f"dags/{DAG}/dagRuns?run_type=scheduled")["dag_runs"]
        return [run["dag_run_id"] for run in runs]

    wait_until(lambda: bool(scheduled()), 60, "the scheduled run")
    assert [airflow.finish(run_id, DAY_SECONDS)[0] for run_id in scheduled()] == ["success"]
    stats = running.crm("stats")
    assert stats["users"] == 10_000
    assert stats["duplicates"]["requests_per_key"] == stats["duplicates"]["applied_per_key"] == 0


def test_the_report_opens_in_a_browser(running: Running) -> None:
    airflow = running.airflow()
    run_id = airflow.call("GET", f"dags/{DAG}/dagRuns?run_type=manual")["dag_runs"][0]["dag_run_id"]
    links = airflow.call("GET", f"dags/{DAG}/dagRuns/{run_id}/taskInstances/summarize_responses/links")
    url = links["extra_links"]["Delivery report"]
    assert url.startswith(running.url("FILES"))
    report = requests.get(url, timeout=30)
    assert report.ok
    assert "10,000" in report.text


@pytest.mark.parametrize("path", [f"dags/{DAG}", "variables", "pools"])
def test_nothing_is_told_without_a_login(running: Running, path: str) -> None:
    assert requests.get(f"{running.url('AIRFLOW')}/api/v2/{path}", timeout=30).status_code == 401


def test_another_password_is_refused(running: Running) -> None:
    credentials = {"username": "admin", "password": "admin"}
    assert requests.post(f"{running.url('AIRFLOW')}/auth/token", json=credentials, timeout=30).status_code == 401
