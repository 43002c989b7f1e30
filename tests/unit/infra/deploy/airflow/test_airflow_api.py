"""Airflow's REST API through MWAA: repeated requests, errors, and the shape of the calls."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from infra.deploy.airflow.airflow_api import AirflowApi
from infra.deploy.errors import AirflowError
from tests.unit.infra.deploy.fakes import client_error

pytestmark = pytest.mark.usefixtures("no_pause")


class BusyAirflow:
    """Responds with these statuses, one after the other; 200 is a success."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)

    def invoke_rest_api(self, **_: Any) -> dict[str, Any]:
        status = self.statuses.pop(0)
        if status == 200:
            return {"RestApiResponse": {"good": True}}
        raise client_error("RestApiClientException", RestApiStatusCode=status, RestApiResponse={})


def test_a_busy_airflow_gets_the_request_again() -> None:
    assert AirflowApi(BusyAirflow(504, 502, 200), "engagement").call("GET", "/x") == {"good": True}
    with pytest.raises(AirflowError, match="HTTP 504"):
        AirflowApi(BusyAirflow(*[504] * 6), "engagement").call("GET", "/x")


def test_a_conflict_counts_as_success_only_after_a_repeat() -> None:
    assert AirflowApi(BusyAirflow(504, 409), "engagement").call("POST", "/x") is None
    with pytest.raises(AirflowError, match="HTTP 409"):
        AirflowApi(BusyAirflow(409), "engagement").call("POST", "/x")


def test_only_a_5xx_status_means_unavailable() -> None:
    assert "HTTP 502" in (AirflowApi(BusyAirflow(502), "engagement").unavailable_reason() or "")
    assert AirflowApi(BusyAirflow(200), "engagement").unavailable_reason() is None
    with pytest.raises(AirflowError, match="HTTP 403"):
        AirflowApi(BusyAirflow(403), "engagement").unavailable_reason()


@pytest.fixture
def mwaa(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    return boto3.client("mwaa", region_name="eu-central-1")


def test_calls_have_the_parameters_that_mwaa_accepts(mwaa: Any) -> None:
    with Stubber(mwaa) as stub:
        expected = {"Name": "engagement", "Method": "GET", "Path": "/dags", "QueryParameters": {"limit": 1}}
        stub.add_response("invoke_rest_api", {"RestApiStatusCode": 200, "RestApiResponse": {"dags": []}}, expected)
        assert AirflowApi(mwaa, "engagement").call("GET", "/dags", {"limit": 1}) == {"dags": []}
        text = {"RestApiStatusCode": 200, "RestApiResponse": json.dumps({"a": 1})}
        stub.add_response("invoke_rest_api", text)
        assert AirflowApi(mwaa, "engagement").call("POST", "/x", body={}) == {"a": 1}


def test_an_error_contains_airflows_response(mwaa: Any) -> None:
    with Stubber(mwaa) as stub:
        response = {"RestApiStatusCode": 409, "RestApiResponse": {"detail": "exists"}}
        stub.add_client_error("invoke_rest_api", "RestApiClientException", modeled_fields=response)
        with pytest.raises(AirflowError, match=r'GET /x: HTTP 409: \{"detail": "exists"\}') as raised:
            AirflowApi(mwaa, "engagement").call("GET", "/x")
        assert raised.value.status == 409
