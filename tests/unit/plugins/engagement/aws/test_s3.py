"""Errors of S3: a missing object is None, a denied request names what is missing, the others are boto3's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from engagement.aws.s3 import Bucket
from engagement.contract.errors import AccessDeniedError


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


@pytest.mark.parametrize(("code", "status"), [("400", 400), ("503", 503), ("301", 301)])
def test_head_raises_other_errors(s3: Stubber, code: str, status: int) -> None:
    s3.add_client_error("head_object", code, http_status_code=status)
    with pytest.raises(ClientError, match=code):
        Bucket(s3.client, "a-bucket").head("key")


@pytest.mark.parametrize(("code", "status"), [("InvalidAccessKeyId", 403), ("SlowDown", 503), ("NoSuchBucket", 404)])
def test_read_raises_other_errors(s3: Stubber, code: str, status: int) -> None:
    s3.add_client_error("get_object", code, http_status_code=status)
    with pytest.raises(ClientError, match=code):
        Bucket(s3.client, "a-bucket").read("key")


ROLE = "User: arn:aws:sts::111122223333:assumed-role/airflow/task is not authorized to perform:"
KMS_KEY = "arn:aws:kms:eu-west-1:111122223333:key/0123"


@pytest.mark.parametrize(
    ("operation", "reads", "code", "text", "words"),
    [
        ("head_object", lambda bucket: bucket.head("a/b"), "403", "Forbidden", "s3:GetObject on it, kms:Decrypt if"),
        ("get_object", lambda bucket: bucket.read("a/b"), "AccessDenied", "Access Denied", "s3:GetObject on it, kms"),
        ("get_object", lambda bucket: bucket.read_part("a/b", 0, 4), "AccessDenied", "", "s3:ListBucket on the bucket"),
        (
            "get_object",
            lambda bucket: list(bucket.read_lines("a/b")),
            "AccessDenied",
            f'{ROLE} kms:Decrypt on resource: "{KMS_KEY}" because no identity-based policy allows it.',
            f"The role needs kms:Decrypt on {KMS_KEY}. Allow it",
        ),
        ("list_objects_v2", lambda bucket: list(bucket.list_objects("a/b")), "AccessDenied", "", "needs s3:ListBucket"),
        ("list_objects_v2", lambda bucket: bucket.list_folders("a/b"), "AccessDenied", "", "needs s3:ListBucket on"),
        ("put_object", lambda bucket: bucket.write("a/b", "", "text/csv"), "AccessDenied", "", "s3:PutObject on it"),
    ],
)
def test_a_denial_names_object_and_permission(
    s3: Stubber, operation: str, reads: Callable[[Bucket], object], code: str, text: str, words: str
) -> None:
    s3.add_client_error(operation, code, text, http_status_code=403)
    with pytest.raises(AccessDeniedError) as raised:
        reads(Bucket(s3.client, "a-bucket"))
    message = str(raised.value)
    assert message.startswith("s3://a-bucket/a/b: access denied (")
    assert words in message
    assert f"got {code}" in message
    assert ".)" not in message
    assert ".." not in message
