"""The extract check against moto's S3, through the provider's real hook."""

import json
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from engagement.checks import crm_probe
from engagement.contract.errors import CrmUnavailableError
from engagement.operators.check_extract import CheckExtractOperator
from tests.unit.plugins.engagement.operators.task_context import TaskInstance, task_context

DAY = "2026-11-23"
KEY = f"activity/dt={DAY}/activity.parquet"
PARQUET = b"PAR1" + b"ffff" + (4).to_bytes(4, "little") + b"PAR1"


@pytest.fixture
def s3(aws_account: None) -> Any:  # noqa: ARG001
    client = boto3.client("s3")
    client.create_bucket(Bucket="activity-bucket")
    return client


@pytest.fixture
def crm_checks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """The calls of the CRM check, which has tests of its own."""
    calls: list[tuple[str, bool]] = []

    def record(base_url: str, *, allow_http: bool) -> int:
        calls.append((base_url, allow_http))
        return 401

    monkeypatch.setattr(crm_probe, "check_reachable", record)
    return calls


def check_activity(**changes: str) -> Any:
    arguments = {
        "bucket_name": "activity-bucket",
        "key": KEY,
        "base_url": "https://crm.example.com",
        "allow_http": "false",
        "push_mode": "all",
        **changes,
    }
    return CheckExtractOperator(task_id="check_activity", **arguments).execute(task_context())


def test_a_complete_extract_is_returned(s3: Any, crm_checks: list[tuple[str, bool]]) -> None:
    etag = s3.put_object(Bucket="activity-bucket", Key=KEY, Body=PARQUET)["ETag"].strip('"')
    assert check_activity(allow_http="true") == {
        "input_uri": f"s3://activity-bucket/{KEY}",
        "input_etags": json.dumps({KEY: etag}),
        "bytes": 16,
    }
    assert crm_checks == [("https://crm.example.com", True)]


@pytest.mark.parametrize("body", [b"", b"PAR1", PARQUET[:-1], PARQUET[1:]])
def test_an_invalid_extract_fails_without_retry(s3: Any, crm_checks: list[tuple[str, bool]], body: bytes) -> None:
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=body)
    with pytest.raises(AirflowFailException, match=f"s3://activity-bucket/{KEY}"):
        check_activity()
    assert crm_checks == []


def test_a_sidecar_file_is_not_the_extract(s3: Any, crm_checks: list[tuple[str, bool]]) -> None:  # noqa: ARG001
    s3.put_object(Bucket="activity-bucket", Key=f"{KEY}.crc", Body=PARQUET)
    with pytest.raises(AirflowFailException, match="does not exist") as raised:
        check_activity()
    # The last task reads it, because it cannot see the exception.
    assert TaskInstance.pushed["failure_reason"] == str(raised.value)


def test_a_dry_run_does_not_check_the_crm(
    s3: Any, crm_checks: list[tuple[str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []

    def record(message: str, *values: Any) -> None:
        logged.append(message % values)

    log = SimpleNamespace(info=record, warning=record)
    monkeypatch.setattr(CheckExtractOperator, "log", log)
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=PARQUET)
    assert check_activity(push_mode="dry_run")["bytes"] == 16
    assert crm_checks == []
    assert logged[-1] == "The CRM was not checked: a dry run sends nothing"


def test_an_unavailable_crm_is_retried(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=PARQUET)

    def fail(*_: Any, **__: Any) -> int:
        raise CrmUnavailableError("GET https://crm.example.com: connection refused")

    monkeypatch.setattr(crm_probe, "check_reachable", fail)
    with pytest.raises(AirflowException, match="connection refused") as raised:
        check_activity()
    assert not isinstance(raised.value, AirflowFailException)


def test_an_unencrypted_crm_fails_without_retry(s3: Any) -> None:
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=PARQUET)
    with pytest.raises(AirflowFailException, match="expected https"):
        check_activity(base_url="http://crm.example.com")
