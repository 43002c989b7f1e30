"""Which permissions an AWS call needs: the call as it was recorded, as requests that IAM decides about."""

from __future__ import annotations

from typing import Any

from tests.unit.infra.policies import Request
from tests.unit.infra.recording import DAY, Call
from tests.unit.infra.resolved import ACCOUNT, PREFIX, REGION

ACTIVITY, OUTPUT, ARTIFACTS = (f"{PREFIX}-{kind}-{ACCOUNT}" for kind in ("activity", "output", "artifacts"))
EXTRACT = f"activity/dt={DAY}/activity.parquet"
LEDGER = f"responses/dt={DAY}/attempt=jr_1/part-0-000000.jsonl"
CODE = "jobs/current"
ENVIRONMENT = f"arn:aws:airflow:{REGION}:{ACCOUNT}:environment/{PREFIX}"
JOBS = {job: f"arn:aws:glue:{REGION}:{ACCOUNT}:job/{job}" for job in (f"{PREFIX}-score-users", f"{PREFIX}-push-scores")}
WORKFLOW = f"arn:aws:glue:{REGION}:{ACCOUNT}:workflow/{PREFIX}"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:{PREFIX}-notifications"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/Key"

_MISSING = ("404", "NoSuchKey", "NotFound")
# Reading an object that is not there is answered 403 to those who may not list it, which no code here takes for absent.
_READS = ("GetObject", "HeadObject")
_WRITES = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")


def needed(call: Call) -> list[Request]:
    """The requests that a recorded call consists of.

    :raises NotImplementedError: for a call that is not known here; whoever adds one says what it needs
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
    raise NotImplementedError(f"{call.service} {call.operation}: say in {__name__} what it needs")


def secret(name: str) -> str:
    """ARN of a secret that is named so; six characters are appended by Secrets Manager."""
    return name if name.startswith("arn:") else f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf"


VARIABLE = secret(f"{PREFIX}/airflow/variables/engagement")


def object_arn(bucket: str, key: str) -> str:
    """ARN of an object."""
    return f"arn:aws:s3:::{bucket}/{key}"


def listing(bucket: str, prefix: str) -> Request:
    """The request to list a prefix."""
    return Request("s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": prefix})


def absence(bucket: str) -> Request:
    """What S3 asks before it says that an object is not there: the right to list, and a read has no prefix."""
    return Request("s3:ListBucket", f"arn:aws:s3:::{bucket}", {})


def _of_s3(operation: str, given: dict[str, Any], missing: bool) -> list[Request]:
    bucket, key = given["Bucket"], given.get("Key", "")
    if operation in ("ListObjectsV2", "ListObjects"):
        return [listing(bucket, given.get("Prefix", ""))]
    if operation in _READS:
        return [Request("s3:GetObject", object_arn(bucket, key)), *([absence(bucket)] if missing else [])]
    if operation in _WRITES:
        return [Request("s3:PutObject", object_arn(bucket, key))]
    if operation in ("DeleteObject", "DeleteObjects"):
        return [Request("s3:DeleteObject", object_arn(bucket, one)) for one in given.get("Keys", [key])]
    raise NotImplementedError(f"s3 {operation}: say in {__name__} what it needs")
