"""A request that S3 denies to a job names the object and the permission; other errors stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from engagement_jobs.common import aws
from engagement_jobs.common.access_denied import access_denied
from engagement_jobs.common.aws import Store
from engagement_jobs.contract.errors import AccessDeniedError

READ, LIST = "s3:GetObject on it, kms:Decrypt if", "s3:ListBucket on the bucket"
REQUESTS: list[tuple[str, Callable[[Store], object], str]] = [
    ("head_object", lambda store: store.head("a/b"), READ),
    ("get_object", lambda store: store.read("a/b"), READ),
    ("get_object", lambda store: store.read_range("a/b", 0, 4), READ),
    ("get_object", lambda store: store.sha256(["a/b"]), READ),
    ("list_objects_v2", lambda store: store.list_files("a/b"), LIST),
    ("list_objects_v2", lambda store: store.list_folders("a/b"), LIST),
    ("put_object", lambda store: store.write("a/b", b""), "s3:PutObject on it"),
    ("delete_object", lambda store: store.delete("a/b"), "s3:DeleteObject on it"),
]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    client = boto3.client("s3", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
    monkeypatch.setattr(aws, "_client", lambda _: client)
    with Stubber(client) as stubber:
        yield stubber


@pytest.mark.parametrize(("operation", "request_to", "permission"), REQUESTS)
def test_a_denial_names_object_and_permission(
    s3: Stubber, operation: str, request_to: Callable[[Store], object], permission: str
) -> None:
    s3.add_client_error(operation, "403" if operation == "head_object" else "AccessDenied", "", http_status_code=403)
    with pytest.raises(AccessDeniedError) as raised:
        request_to(Store("a-bucket"))
    assert str(raised.value).startswith("s3://a-bucket/a/b: access denied (")
    assert f"The role needs {permission}" in str(raised.value)


def test_the_permission_that_aws_names_is_the_one() -> None:
    text = (
        "User: arn:aws:sts::1:assumed-role/job/run is not authorized to perform: kms:Decrypt on resource: "
        "arn:aws:kms:eu-west-1:1:key/0 because no identity-based policy allows the kms:Decrypt action"
    )
    error = ClientError({"Error": {"Code": "AccessDenied", "Message": text}}, "GetObject")
    denied = access_denied("s3://a-bucket/a/b", error)
    assert "The role needs kms:Decrypt on arn:aws:kms:eu-west-1:1:key/0. Allow it" in str(denied)


@pytest.mark.parametrize(("operation", "request_to", "permission"), REQUESTS)
def test_other_errors_are_raised(
    s3: Stubber, operation: str, request_to: Callable[[Store], object], permission: str
) -> None:
    assert permission
    s3.add_client_error(operation, "SlowDown", http_status_code=503)
    with pytest.raises(ClientError, match="SlowDown"):
        request_to(Store("a-bucket"))
