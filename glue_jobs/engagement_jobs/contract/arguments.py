"""The arguments of both jobs: declared once, parsed and checked before anything is read or written.

Glue hands every argument over as a non-empty string. The orchestrator declares the same names on its side;
`tests/contract/` compares the two.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Self

from engagement_jobs.contract.errors import ArgumentError

PUSH_MODES = ("all", "changed", "retry_rejected", "dry_run")


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _instant(text: str) -> str:
    datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007 - the Z is part of the format
    return text


def _etags(text: str) -> dict[str, str]:
    etags = json.loads(text)
    if not isinstance(etags, dict) or not etags or not all(isinstance(tag, str) for tag in etags.values()):
        raise ValueError("not a JSON object of key to ETag")
    return etags


def _flag(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _uri(text: str) -> str:
    if not re.fullmatch(r"s3://[^/]+/.+", text):
        raise ValueError("not s3://bucket/key")
    return text


def _weights(text: str) -> str:
    return text if text == "default" else _uri(text)


def _mode(text: str) -> str:
    if text not in PUSH_MODES:
        raise ValueError("unknown mode")
    return text


def _limit(text: str) -> int | None:
    return None if text == "none" else _whole(text)


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("below 1")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError("not above 0")
    return number


def _fraction(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise ValueError("not within 0 and 1")
    return number


def _base_url(text: str) -> str:
    if not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", text):
        raise ValueError("not a plain http(s) URL")
    return text.rstrip("/")


def _argument(parse: Callable[[str], Any], wanted: str) -> Any:
    return dataclasses.field(metadata={"parse": parse, "wanted": wanted})


@dataclasses.dataclass(frozen=True)
class _Arguments:
    """What both jobs share: parsing by the declared fields."""

    job_run_id: str

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names that Glue must pass, in the order of declaration; `JOB_RUN_ID` comes from Glue itself."""
        return tuple(field.name for field in dataclasses.fields(cls) if field.metadata)

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> Self:
        """Parse `values`; raise ArgumentError that names every argument that is wrong, found and wanted."""
        parsed: dict[str, Any] = {"job_run_id": values.get("JOB_RUN_ID") or ""}
        wrong = [] if parsed["job_run_id"] else ["JOB_RUN_ID is missing (Glue sets it)"]
        for field in dataclasses.fields(cls):
            if not field.metadata:
                continue
            text = values.get(field.name) or ""
            try:
                parsed[field.name] = field.metadata["parse"](text)
            except (ValueError, KeyError):
                wrong.append(f"--{field.name} is {text!r}, wanted {field.metadata['wanted']}")
        if wrong:
            raise ArgumentError("; ".join(wrong))
        return cls(**parsed)


def _text(text: str) -> str:
    if not text:
        raise ValueError("empty")
    return text


@dataclasses.dataclass(frozen=True)
class ScoreArguments(_Arguments):
    """Arguments of job 1."""

    score_date: str = _argument(_day, "a day such as 2026-11-23")
    scored_at: str = _argument(_instant, "a UTC time such as 2026-11-23T03:00:00Z")
    run_id: str = _argument(_text, "the id of the orchestrator's run")
    input_uri: str = _argument(_uri, "s3://bucket/key of the Parquet file, or of the folder of many")
    input_etags: dict[str, str] = _argument(_etags, 'a JSON object {"key": "etag"}')
    output_bucket: str = _argument(_text, "a bucket name")
    weights_uri: str = _argument(_weights, '"default" or s3://bucket/key')
    max_invalid_fraction: float = _argument(_fraction, "a number from 0 to 1")


@dataclasses.dataclass(frozen=True)
class PushArguments(_Arguments):
    """Arguments of job 2; durations in seconds, the rate in requests per second for the whole job."""

    score_date: str = _argument(_day, "a day such as 2026-11-23")
    run_id: str = _argument(_text, "the id of the orchestrator's run")
    output_bucket: str = _argument(_text, "a bucket name")
    base_url: str = _argument(_base_url, "a URL such as https://crm.example.com")
    secret_id: str = _argument(_text, "a Secrets Manager secret id")
    push_mode: str = _argument(_mode, f"one of {', '.join(PUSH_MODES)}")
    resend_delivered: bool = _argument(_flag, "true or false")
    limit: int | None = _argument(_limit, '"none" or a whole number from 1')
    max_requests_per_second: float = _argument(_positive, "a number above 0")
    push_tasks: int = _argument(_whole, "a whole number from 1")
    max_concurrency: int = _argument(_whole, "a whole number from 1")
    max_attempts: int = _argument(_whole, "a whole number from 1")
    request_timeout_seconds: float = _argument(_positive, "a number above 0")
    deadline_seconds: float = _argument(_positive, "a number above 0")
    unavailable_timeout_seconds: float = _argument(_positive, "a number above 0")
    max_failed_fraction: float = _argument(_fraction, "a number from 0 to 1")
    allow_http: bool = _argument(_flag, "true or false")

    def __post_init__(self) -> None:
        if self.base_url.startswith("http://") and not self.allow_http:
            raise ArgumentError(
                f"--base_url is {self.base_url!r}, wanted https://: scores and the token would travel in the clear. "
                "Set allow_http only for a stand-in on this machine."
            )

    @property
    def endpoint(self) -> str:
        """The URL that takes one score."""
        return f"{self.base_url}/api/v1/update-score"
