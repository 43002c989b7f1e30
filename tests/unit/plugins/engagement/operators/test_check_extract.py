"""The extract check against moto's S3, through the provider's real hook."""

import json
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from engagement.checks import crm_probe
from engagement.checks.crm_connection import CrmNetwork
from engagement.checks.crm_probe import CrmCheck
from engagement.contract.errors import CrmUnavailableError
from engagement.operators.check_extract import CheckExtractOperator
from local import certificates
from tests.unit.plugins.engagement.operators.task_context import TaskInstance, task_context

DAY = "2026-11-23"
KEY = f"activity/dt={DAY}/activity.parquet"
PEM = certificates.pem(certificates.authority("ours"))
PARQUET = b"PAR1" + b"ffff" + (4).to_bytes(4, "little") + b"PAR1"


@pytest.fixture
def s3(aws_account: None) -> Any:  # noqa: ARG001
    client = boto3.client("s3")
    client.create_bucket(Bucket="activity-bucket")
    return client


@pytest.fixture
def crm_checks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The calls of the CRM check, which has tests of its own."""
    calls: list[tuple[Any, ...]] = []

    def record(base_url: str, way: CrmNetwork, *, allow_http: bool, has_default_document: bool) -> CrmCheck:
        calls.append((base_url, way, allow_http, has_default_document))
        return CrmCheck(401, ("what is in the secret",))

    monkeypatch.setattr(crm_probe, "check_reachable", record)
    return calls


def check_activity(**changes: str) -> Any:
    arguments = {
        "bucket_name": "activity-bucket",
        "key": KEY,
        "base_url": "https://crm.example.com",
        "allow_http": "false",
        "crm_uri": "default",
        "proxy_url": "",
        "no_proxy": "",
        "ca_uri": "",
        "push_mode": "all",
        **changes,
    }
    return CheckExtractOperator(task_id="check_activity", **arguments).execute(task_context())


def test_a_complete_extract_is_returned(s3: Any, crm_checks: list[tuple[Any, ...]]) -> None:
    etag = s3.put_object(Bucket="activity-bucket", Key=KEY, Body=PARQUET)["ETag"].strip('"')
    assert check_activity(allow_http="true") == {
        "input_uri": f"s3://activity-bucket/{KEY}",
        "input_etags": json.dumps({KEY: etag}),
        "bytes": 16,
    }
    assert crm_checks == [("https://crm.example.com", CrmNetwork(), True, True)]


@pytest.mark.parametrize("body", [b"", b"PAR1", PARQUET[:-1], PARQUET[1:]])
def test_an_invalid_extract_fails_without_retry(s3: Any, crm_checks: list[tuple[Any, ...]], body: bytes) -> None:
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=body)
    with pytest.raises(AirflowFailException, match=f"s3://activity-bucket/{KEY}"):
        check_activity()
    assert crm_checks == []


@pytest.mark.usefixtures("denied")
def test_denied_access_is_retried_and_names_what_is_missing(crm_checks: list[tuple[Any, ...]]) -> None:
    with pytest.raises(AirflowException) as raised:
        check_activity()
    assert not isinstance(raised.value, AirflowFailException)
    assert str(raised.value).startswith(f"s3://activity-bucket/{KEY}: access denied (HeadObject got 403, Forbidden). ")
    assert "s3:GetObject" in str(raised.value)
    assert TaskInstance.pushed["failure_reason"] == str(raised.value)
    assert crm_checks == []


def test_a_sidecar_file_is_not_the_extract(s3: Any, crm_checks: list[tuple[Any, ...]]) -> None:  # noqa: ARG001
    s3.put_object(Bucket="activity-bucket", Key=f"{KEY}.crc", Body=PARQUET)
    with pytest.raises(AirflowFailException, match="does not exist") as raised:
        check_activity()
    # The last task reads it, because it cannot see the exception.
    assert TaskInstance.pushed["failure_reason"] == str(raised.value)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []

    def record(message: str, *values: Any) -> None:
        lines.append(message % values)

    monkeypatch.setattr(CheckExtractOperator, "log", SimpleNamespace(info=record, warning=record))
    return lines


def test_the_check_takes_the_way_of_the_push(s3: Any, crm_checks: list[tuple[Any, ...]]) -> None:
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=PARQUET)
    s3.put_object(Bucket="activity-bucket", Key="crm/ca.pem", Body=PEM)
    check_activity(
        proxy_url="http://proxy:3128",
        no_proxy=".example.com",
        ca_uri="s3://activity-bucket/crm/ca.pem",
        crm_uri="s3://activity-bucket/crm/document.json",
    )
    way = CrmNetwork("http://proxy:3128", ".example.com", PEM.decode())
    assert crm_checks == [("https://crm.example.com", way, False, False)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (b"", "expected certificates in PEM"),
        (b"PAR1", "expected certificates in PEM"),
        (PEM[:-40], "expected certificates in PEM"),
    ],
)
def test_an_unusable_ca_file_fails_without_retry(
    s3: Any, crm_checks: list[tuple[Any, ...]], content: bytes | None, message: str
) -> None:
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=PARQUET)
    if content is not None:
        s3.put_object(Bucket="activity-bucket", Key="crm/ca.pem", Body=content)
    with pytest.raises(AirflowFailException, match=f"ca_uri: s3://activity-bucket/crm/ca.pem.* {message}"):
        check_activity(ca_uri="s3://activity-bucket/crm/ca.pem")
    assert crm_checks == []


@pytest.mark.usefixtures("crm_checks")
def test_the_log_says_what_was_not_checked(s3: Any, logged: list[str]) -> None:
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=PARQUET)
    check_activity()
    assert logged[-2:] == ["The CRM responds: HTTP 401", "Not checked: what is in the secret"]


def test_a_check_without_a_response_is_a_warning(s3: Any, logged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=PARQUET)
    result = CrmCheck(None, ("the token",), "The proxy demands a user name")
    monkeypatch.setattr(crm_probe, "check_reachable", lambda *_, **__: result)
    check_activity()
    assert logged[-2:] == ["The proxy demands a user name", "Not checked: the token"]


def test_a_dry_run_does_not_check_the_crm(s3: Any, crm_checks: list[tuple[Any, ...]], logged: list[str]) -> None:
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
