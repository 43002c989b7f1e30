"""The bucket as the page reads it: S3's refusals become sentences, and an answer is not waited for long."""

from __future__ import annotations

import json

import boto3
import pytest

from engagement.aws.s3 import Bucket
from engagement.contract.errors import SettingsError, StoreError
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


def opened(output: OutputBucket) -> Bucket:
    with output() as bucket:
        return bucket


def test_listed_and_read() -> None:
    with OutputBucket()() as bucket:
        found = list(bucket.list_objects("a/", "a/1"))
        assert bucket.name == BUCKET
        assert bucket.read("b/1") == b"b/1"
        assert bucket.read("c") is None
    assert [(entry.key, entry.size, len(entry.etag)) for entry in found] == [("a/2", 3, 32), ("a/3", 3, 32)]
    assert found[0].modified.tzinfo is not None


def test_refusals_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_ENGAGEMENT", json.dumps(SETTINGS | {"output_bucket": "another-bucket"}))
    with pytest.raises(StoreError, match=r"Bucket another-bucket cannot be read: .*\(NoSuchBucket\) .* exist\.$"):  # noqa: SIM117
        with OutputBucket()() as bucket:
            list(bucket.list_objects("a/"))


def test_what_cannot_be_reached_is_a_sentence_after_a_short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    limits = opened(OutputBucket())._client.meta.config
    assert (limits.connect_timeout, limits.read_timeout, limits.retries["total_max_attempts"]) == (3, 10, 2)
    with pytest.raises(StoreError, match="output-bucket cannot be read: Could not connect"), OutputBucket()() as bucket:
        bucket.read("a/1")


def test_the_client_is_kept_for_a_while_and_the_variable_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    output = OutputBucket()
    first = opened(output)._client
    monkeypatch.setenv("AIRFLOW_VAR_ENGAGEMENT", json.dumps(SETTINGS | {"output_bucket": "other-bucket"}))
    assert opened(output).name == "output-bucket"
    monkeypatch.setattr(output, "_bucket_expires_at", 0.0)
    assert (opened(output).name, opened(output)._client) == ("other-bucket", first)
    monkeypatch.setattr(output, "_client_expires_at", 0.0)
    assert opened(output)._client is not first


def test_a_connection_keeps_its_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"config_kwargs": {"proxies": {"https": "http://proxy.example:3128"}, "read_timeout": 600}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "extra": extra}))
    config = opened(OutputBucket())._client.meta.config
    assert config.proxies == {"https": "http://proxy.example:3128"}
    assert config.read_timeout == 10


def test_a_faulty_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_ENGAGEMENT", json.dumps(SETTINGS | {"bukket": "x"}))
    with pytest.raises(SettingsError, match="bukket is not a known name"):
        opened(OutputBucket())
