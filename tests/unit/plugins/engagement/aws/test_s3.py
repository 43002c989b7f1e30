"""Errors of S3: a missing object is None, everything else is raised so that Airflow retries."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from engagement.aws.s3 import Bucket


@pytest.fixture
def s3() -> Iterator[Stubber]:
    client = boto3.client("s3", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stubber:
        yield stubber


def test_a_missing_object_is_none(s3: Stubber) -> None:
    s3.add_client_error("head_object", "404", http_status_code=404)
    s3.add_client_error("get_object", "NoSuchKey", http_status_code=404)
    bucket = Bucket(s3.client, "a-bucket")
    assert (bucket.head("key"), bucket.read("key")) == (None, None)


@pytest.mark.parametrize(("code", "status"), [("403", 403), ("503", 503), ("301", 301)])
def test_head_raises_other_errors(s3: Stubber, code: str, status: int) -> None:
    s3.add_client_error("head_object", code, http_status_code=status)
    with pytest.raises(ClientError, match=code):
        Bucket(s3.client, "a-bucket").head("key")


@pytest.mark.parametrize(("code", "status"), [("AccessDenied", 403), ("SlowDown", 503), ("NoSuchBucket", 404)])
def test_read_raises_other_errors(s3: Stubber, code: str, status: int) -> None:
    s3.add_client_error("get_object", code, http_status_code=status)
    with pytest.raises(ClientError, match=code):
        Bucket(s3.client, "a-bucket").read("key")
