"""Translates recorded AWS calls into the requests that IAM authorizes."""

from __future__ import annotations

from typing import Any

from tests.stack.recording import Call
from tests.unit.infra.deployed import ACCOUNT, KEY, REGION
from tests.unit.infra.names import listing, object_arn, secret
from tests.unit.infra.policies import Request

_MISSING = ("404", "NoSuchKey", "NotFound")
_READS = ("GetObject", "HeadObject")
_WRITES = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")


def required_permissions(call: Call) -> list[Request]:
    """Return the IAM requests of a recorded call.

    :raises NotImplementedError: the call is not known here; add its permissions
    """
    given = call.parameters
    if call.service == "s3":
        return _of_s3(call.operation, given, missing=call.error in _MISSING)
    if call.service == "glue":
        kind, name = ("job", given["JobName"]) if "JobName" in given else ("workflow", given["Name"])
        return [Request(f"glue:{call.operation}", f"arn:aws:glue:{REGION}:{ACCOUNT}:{kind}/{name}")]
    if call.service == "secretsmanager":
        return [Request(f"secretsmanager:{call.operation}", secret(given["SecretId"]))]
    if (call.service, call.operation) == ("sns", "Publish"):
        via = {"kms:ViaService": f"sns.{REGION}.amazonaws.com"}
        encrypting = [Request(f"kms:{action}", KEY, via) for action in ("GenerateDataKey", "Decrypt")]
        return [Request("sns:Publish", given["TopicArn"]), *encrypting]
    if (call.service, call.operation) == ("cloudwatch", "PutMetricData"):
        return [Request("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": given["Namespace"]})]
    raise NotImplementedError(f"{call.service} {call.operation}: add its permissions to {__name__}")


def _of_s3(operation: str, given: dict[str, Any], missing: bool) -> list[Request]:
    bucket, key = given["Bucket"], given.get("Key", "")
    if operation in ("ListObjectsV2", "ListObjects"):
        return [listing(bucket, given.get("Prefix", ""))]
    if operation in _READS:
        # Without s3:ListBucket, S3 responds with 403 for a missing object; a read has no prefix.
        absence = [Request("s3:ListBucket", f"arn:aws:s3:::{bucket}")] if missing else []
        return [Request("s3:GetObject", object_arn(bucket, key)), *absence]
    if operation in _WRITES:
        return [Request("s3:PutObject", object_arn(bucket, key))]
    if operation in ("DeleteObject", "DeleteObjects"):
        return [Request("s3:DeleteObject", object_arn(bucket, one)) for one in given.get("Keys", [key])]
    raise NotImplementedError(f"s3 {operation}: add its permissions to {__name__}")
