"""Lets Glue refuse GetJobRun with ThrottlingException while the file $THROTTLED_GLUE exists.

Python imports this module at start if it is on PYTHONPATH.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

if "THROTTLED_GLUE" in os.environ:
    from botocore.client import BaseClient
    from botocore.exceptions import ClientError

    _original = BaseClient._make_api_call

    @functools.wraps(_original)
    def _throttled(self: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "GetJobRun" and Path(os.environ["THROTTLED_GLUE"]).exists():
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, operation)
        return _original(self, operation, parameters)

    BaseClient._make_api_call = _throttled
