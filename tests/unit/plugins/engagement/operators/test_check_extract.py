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
WHOLE = b"PAR1" + b"ffff" + (4).to_bytes(4, "little") + b"PAR1"


@pytest.fixture
def s3(aws_account: None) -> Any:  # noqa: ARG001
    client = boto3.client("s3")
    client.create_bucket(Bucket="activity-bucket")
    return client


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Record the preflight's calls; the preflight itself is tested beside its module."""
    calls: list[tuple[str, bool]] = []

    def probe(base_url: str, *, allow_http: bool) -> int:
        calls.append((base_url, allow_http))
        return 401

    monkeypatch.setattr(crm_probe, "check_reachable", probe)
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


def test_a_whole_extract(s3: Any, probed: list[tuple[str, bool]]) -> None:
    etag = s3.put_object(Bucket="activity-bucket", Key=KEY, Body=WHOLE)["ETag"].strip('"')
    assert check_activity(allow_http="true") == {
        "input_uri": f"s3://activity-bucket/{KEY}",
        "input_etags": json.dumps({KEY: etag}),
        "bytes": 16,
    }
    assert probed == [("https://crm.example.com", True)]


@pytest.mark.parametrize("body", [b"", b"PAR1", WHOLE[:-1], WHOLE[1:]])
def test_a_broken_extract_is_final(s3: Any, probed: list[tuple[str, bool]], body: bytes) -> None:
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=body)
    with pytest.raises(AirflowFailException, match=f"s3://activity-bucket/{KEY}"):
        check_activity()
    assert probed == []


def test_a_sidecar_is_no_extract(s3: Any, probed: list[tuple[str, bool]]) -> None:  # noqa: ARG001
    s3.put_object(Bucket="activity-bucket", Key=f"{KEY}.crc", Body=WHOLE)
    with pytest.raises(AirflowFailException, match="does not exist") as raised:
        check_activity()
    # For the last task, which cannot see this one's message.
    assert TaskInstance.pushed["failure_reason"] == str(raised.value)


def test_a_dry_run_leaves_the_crm_alone_and_says_so(
    s3: Any, probed: list[tuple[str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def record(message: str, *values: Any) -> None:
        said.append(message % values)

    log = SimpleNamespace(info=record, warning=record)
    monkeypatch.setattr(CheckExtractOperator, "log", log)
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=WHOLE)
    assert check_activity(push_mode="dry_run")["bytes"] == 16
    assert probed == []
    assert said[-1] == "The CRM was not asked whether it is there: a dry run sends nothing"


def test_an_absent_crm_is_worth_a_retry(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=WHOLE)

    def absent(*_: Any, **__: Any) -> int:
        raise CrmUnavailableError("GET https://crm.example.com: connection refused")

    monkeypatch.setattr(crm_probe, "check_reachable", absent)
    with pytest.raises(AirflowException, match="connection refused") as raised:
        check_activity()
    assert not isinstance(raised.value, AirflowFailException)


def test_an_unencrypted_crm_is_final(s3: Any) -> None:
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=WHOLE)
    with pytest.raises(AirflowFailException, match="wanted https"):
        check_activity(base_url="http://crm.example.com")
