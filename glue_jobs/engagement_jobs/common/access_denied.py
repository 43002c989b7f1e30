"""Words for a denied request to S3: AWS names neither the object of a HEAD nor, often, the permission."""

from __future__ import annotations

import re
from typing import Any

from engagement_jobs.contract.errors import AccessDeniedError

_CODES = frozenset({"403", "AccessDenied", "AllAccessDisabled"})
_READ = (
    "s3:GetObject on it, kms:Decrypt if a KMS key encrypts it, and s3:ListBucket on the bucket, without which S3 "
    "denies a missing object too"
)
_PERMISSIONS = {
    "HeadObject": _READ,
    "GetObject": _READ,
    "ListObjectsV2": "s3:ListBucket on the bucket",
    "PutObject": "s3:PutObject on it, and kms:GenerateDataKey if a KMS key encrypts it",
    "DeleteObject": "s3:DeleteObject on it",
}


def access_denied(uri: str, error: Any) -> AccessDeniedError | None:
    """Return the error that names object and permission, or None if the request failed for another reason.

    :param uri: of the object, or of the folder that was listed
    :param error: `ClientError` of botocore
    """
    code, text = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    if code not in _CODES:
        return None
    operation = error.operation_name
    named = re.search(r"not authorized to perform: ([\w-]+:\w+) on resource: \"?([^\s\"]+)", text)
    needed = f"{named[1]} on {named[2]}" if named else _PERMISSIONS.get(operation, f"what {operation} requires")
    reply = f"{operation} got {code}, {text}".rstrip(",. ")
    return AccessDeniedError(f"{uri}: access denied ({reply}). The role needs {needed}. Allow it, then run this again")
