"""Writes every AWS call of botocore and aiobotocore clients as a JSON line to $RECORDER_FILE.

Python imports this module at start if it is on PYTHONPATH. A line has the caller ($RECORDER_WHO), service, operation,
the parameters that policies depend on, and the error code, if any; no other content of requests or responses.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
from pathlib import Path
from typing import Any

_KEPT = ("Bucket", "Key", "Prefix", "CopySource", "JobName", "Name", "SecretId", "TopicArn", "Namespace")


def _note(client: Any, operation: str, parameters: dict[str, Any], error: str | None) -> None:
    kept: dict[str, Any] = {
        name: value for name, value in parameters.items() if name in _KEPT and isinstance(value, str)
    }
    if "Delete" in parameters:
        kept["Keys"] = [one["Key"] for one in parameters["Delete"]["Objects"]]
    line = {
        "who": os.environ["RECORDER_WHO"],
        "service": client.meta.service_model.service_name,
        "operation": operation,
        "parameters": kept,
        "error": error,
    }
    # One short append per call, because several processes write in parallel.
    with Path(os.environ["RECORDER_FILE"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _code(error: BaseException) -> str:
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", type(error).__name__))


def _patch(kind: Any) -> None:
    original = kind._make_api_call

    @functools.wraps(original)
    def recorded(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        try:
            answer = original(self, operation, parameters)
        except BaseException as error:
            _note(self, operation, parameters, _code(error))
            raise
        _note(self, operation, parameters, None)
        return answer

    kind._make_api_call = recorded


def _patch_async(kind: Any) -> None:
    original = kind._make_api_call

    @functools.wraps(original)
    async def recorded(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        try:
            answer = await original(self, operation, parameters)
        except BaseException as error:
            _note(self, operation, parameters, _code(error))
            raise
        _note(self, operation, parameters, None)
        return answer

    kind._make_api_call = recorded


if "RECORDER_FILE" in os.environ:
    with contextlib.suppress(ImportError):
        from botocore.client import BaseClient

        _patch(BaseClient)
    with contextlib.suppress(ImportError):
        from aiobotocore.client import AioBaseClient  # type: ignore[import-untyped]

        _patch_async(AioBaseClient)
