"""Airflow's API requires a login."""

import pytest
import requests

from tests.compose.airflow_api import DAG
from tests.compose.compose_stack import ComposeStack


@pytest.mark.parametrize("path", [f"dags/{DAG}", "variables", "pools"])
def test_requests_without_a_login_are_rejected(compose_stack: ComposeStack, path: str) -> None:
    assert requests.get(f"{compose_stack.url('AIRFLOW')}/api/v2/{path}", timeout=30).status_code == 401


def test_a_wrong_password_is_rejected(compose_stack: ComposeStack) -> None:
    credentials = {"username": "admin", "password": "admin"}
    assert requests.post(f"{compose_stack.url('AIRFLOW')}/auth/token", json=credentials, timeout=30).status_code == 401
