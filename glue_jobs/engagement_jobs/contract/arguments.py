"""The arguments of both jobs: declared once, parsed and validated before a job reads or writes anything.

Glue passes every argument as a non-empty string. The Airflow side declares the same names; `tests/contract/` compares
the two lists.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Self

from engagement_jobs.contract import argument_types
from engagement_jobs.contract.argument_types import ArgumentType
from engagement_jobs.contract.errors import ArgumentError


def _argument(type_: ArgumentType) -> Any:
    """Declare a field that is parsed from the command line."""
    return dataclasses.field(metadata={"type": type_})


def _without_password(text: str) -> str:
    """Return a text without the user name and the password of a URL."""
    return re.sub(r"(?<=//)[^/]*@", "…@", text)


def _parse(name: str, text: str, type_: ArgumentType) -> Any:
    try:
        return type_.parse(text)
    except ValueError:
        raise ArgumentError(f"--{name} is {_without_password(text)!r}, expected {type_.expected}") from None


def check_activity_key(text: str) -> None:
    """Check an argument that only a workflow passes, and that is replaced by `input_uri`.

    :raises ArgumentError: the key does not name one object for each date
    """
    _parse("activity_key", text, argument_types.ACTIVITY_KEY)


@dataclasses.dataclass(frozen=True)
class _Arguments:
    """What both jobs share: parsing by the declared fields."""

    job_run_id: str

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names that must be passed, in the order of declaration. Glue itself adds `JOB_RUN_ID`."""
        return tuple(field.name for field in dataclasses.fields(cls) if "type" in field.metadata)

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> Self:
        """Parse the texts of all arguments.

        :param values: texts by argument name; an absent name is like an empty text
        :raises ArgumentError: lists every invalid argument, with its text and what was expected
        """
        parsed: dict[str, Any] = {"job_run_id": values.get("JOB_RUN_ID") or ""}
        faults = []
        if not parsed["job_run_id"]:
            faults.append("JOB_RUN_ID is missing, although Glue sets it for every job run")
        for field in dataclasses.fields(cls):
            if "type" not in field.metadata:
                continue
            type_: ArgumentType = field.metadata["type"]
            try:
                parsed[field.name] = _parse(field.name, values.get(field.name) or "", type_)
            except ArgumentError as error:
                faults.append(str(error))
        if faults:
            raise ArgumentError("; ".join(faults))
        return cls(**parsed)


@dataclasses.dataclass(frozen=True)
class ScoreArguments(_Arguments):
    """Arguments of the scoring job. `stall_timeout_seconds` is in seconds."""

    score_date: str = _argument(argument_types.DATE)
    scored_at: str = _argument(argument_types.UTC_TIME)
    run_id: str = _argument(argument_types.RUN_ID)
    input_uri: str = _argument(argument_types.INPUT_URI)
    input_etags: dict[str, str] = _argument(argument_types.ETAGS)
    output_bucket: str = _argument(argument_types.BUCKET)
    weights_uri: str = _argument(argument_types.DOCUMENT_URI)
    max_invalid_fraction: float = _argument(argument_types.FRACTION)
    stall_timeout_seconds: float = _argument(argument_types.POSITIVE_NUMBER)


@dataclasses.dataclass(frozen=True)
class PushArguments(_Arguments):
    """Arguments of the push job. Durations are in seconds, the rate in requests per second of the entire job."""

    score_date: str = _argument(argument_types.DATE)
    run_id: str = _argument(argument_types.RUN_ID)
    output_bucket: str = _argument(argument_types.BUCKET)
    base_url: str = _argument(argument_types.BASE_URL)
    crm_uri: str = _argument(argument_types.DOCUMENT_URI)
    proxy_url: str = _argument(argument_types.PROXY_URL)
    no_proxy: str = _argument(argument_types.NO_PROXY)
    ca_uri: str = _argument(argument_types.CA_URI)
    secret_id: str = _argument(argument_types.SECRET_ID)
    push_mode: str = _argument(argument_types.PUSH_MODE)
    resend_delivered: bool = _argument(argument_types.FLAG)
    ignore_retry_after: bool = _argument(argument_types.FLAG)
    limit: int | None = _argument(argument_types.LIMIT)
    max_requests_per_second: float = _argument(argument_types.POSITIVE_NUMBER)
    push_tasks: int = _argument(argument_types.POSITIVE_INTEGER)
    max_concurrency: int = _argument(argument_types.POSITIVE_INTEGER)
    max_attempts: int = _argument(argument_types.POSITIVE_INTEGER)
    request_timeout_seconds: float = _argument(argument_types.POSITIVE_NUMBER)
    deadline_seconds: float = _argument(argument_types.POSITIVE_NUMBER)
    unavailable_timeout_seconds: float = _argument(argument_types.POSITIVE_NUMBER)
    max_retry_after_seconds: float = _argument(argument_types.POSITIVE_NUMBER)
    max_failed_fraction: float = _argument(argument_types.FRACTION)
    allow_http: bool = _argument(argument_types.FLAG)

    def __post_init__(self) -> None:
        """Refuse plain HTTP.

        :raises ArgumentError: `base_url` is not https and `allow_http` is not set
        """
        if self.base_url.startswith("http://") and not self.allow_http:
            raise ArgumentError(
                f"--base_url is {self.base_url!r}, expected https://: plain HTTP would expose the scores and the "
                "token. Set allow_http only for an emulator on this machine."
            )
