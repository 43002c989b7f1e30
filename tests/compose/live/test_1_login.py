"""Nobody sees anything without a login."""

import pytest
import requests

from tests.compose.airflow_api import DAG
from tests.compose.stack import Running


@pytest.mark.parametrize("path", [f"dags/{DAG}", "variables", "pools"])
def test_nothing_is_told_without_a_login(running: Running, path: str) -> None:
    assert requests.get(f"{running.url('AIRFLOW')}/api/v2/{path}", timeout=30).status_code == 401


def test_another_password_is_refused(running: Running) -> None:
    credentials = {"username": "admin", "password": "admin"}
    assert requests.post(f"{running.url('AIRFLOW')}/auth/token", json=credentials, timeout=30).status_code == 401
