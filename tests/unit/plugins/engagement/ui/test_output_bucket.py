"""Access to the output bucket: errors become sentences, and timeouts are short."""

from __future__ import annotations

import json

import boto3
import pytest

from engagement.aws.s3 import Bucket
from engagement.contract.errors import ConfigError, OutputBucketError, SettingsError
from engagement.ui.output_bucket import OutputBucket
from tests.unit.plugins.engagement.run_factory import SETTINGS

BUCKET = "output-bucket"
pytestmark = pytest.mark.usefixtures("s3")


@pytest.fixture
def s3(aws_account: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    monkeypatch.setenv("AIRFLOW_VAR_ENGAGEMENT", json.dumps(SETTINGS))
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    for key in ("a/1", "a/2", "a/3", "b/1"):
        client.put_object(Bucket=BUCKET, Key=key, Body=key.encode())


def opened(output_bucket: OutputBucket) -> Bucket:
    with output_bucket() as bucket:
        return bucket


def test_objects_are_listed_and_read() -> None:
    with OutputBucket()() as bucket:
        entries = list(bucket.list_objects("a/", "a/1"))
        assert bucket.name == BUCKET
        assert bucket.read("b/1") == b"b/1"
        assert bucket.read("c") is None
    assert [(entry.key, entry.size, len(entry.etag)) for entry in entries] == [("a/2", 3, 32), ("a/3", 3, 32)]
    assert entries[0].modified.tzinfo is not None


def test_an_s3_error_becomes_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_ENGAGEMENT", json.dumps(SETTINGS | {"output_bucket": "another-bucket"}))
    message = r"Bucket another-bucket cannot be read: .*\(NoSuchBucket\) .* exist\.$"
    with pytest.raises(OutputBucketError, match=message), OutputBucket()() as bucket:
        list(bucket.list_objects("a/"))


def test_unreachable_s3_fails_after_short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    config = opened(OutputBucket())._client.meta.config
    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (3, 10, 2)
    with (
        pytest.raises(OutputBucketError, match="output-bucket cannot be read: Could not connect"),
        OutputBucket()() as bucket,
    ):
        bucket.read("a/1")


def test_the_client_and_the_variable_are_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    output_bucket = OutputBucket()
    first = opened(output_bucket)._client
    monkeypatch.setenv("AIRFLOW_VAR_ENGAGEMENT", json.dumps(SETTINGS | {"output_bucket": "other-bucket"}))
    assert opened(output_bucket).name == "output-bucket"
    monkeypatch.setattr(output_bucket, "_bucket_expires_at", 0.0)
    assert (opened(output_bucket).name, opened(output_bucket)._client) == ("other-bucket", first)
    monkeypatch.setattr(output_bucket, "_client_expires_at", 0.0)
    assert opened(output_bucket)._client is not first


def test_settings_of_the_connection_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"config_kwargs": {"proxies": {"https": "http://proxy.example:3128"}, "read_timeout": 600}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "extra": extra}))
    config = opened(OutputBucket())._client.meta.config
    assert config.proxies == {"https": "http://proxy.example:3128"}
    assert config.read_timeout == 10


@pytest.mark.parametrize("region", ["eu-central-1", "us-west-2", ""])
def test_connection_and_region_are_those_of_the_tasks(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    login = {"conn_type": "aws", "login": "another", "password": "key"}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_CRM", json.dumps(login))
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__AWS_CONN_ID", "aws_crm")
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__REGION_NAME", region)
    client = opened(OutputBucket())._client
    assert client._request_signer._credentials.access_key == "another"
    assert client.meta.region_name == (region or "us-east-1")


def test_an_invalid_option_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__AWS_CONNECTION_ID", "aws_crm")
    with pytest.raises(ConfigError, match="did you mean AIRFLOW__ENGAGEMENT__AWS_CONN_ID"):
        opened(OutputBucket())


def test_an_invalid_setting_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_ENGAGEMENT", json.dumps(SETTINGS | {"bukket": "x"}))
    with pytest.raises(SettingsError, match="bukket is not a known name"):
        opened(OutputBucket())
