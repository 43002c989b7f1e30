"""Types of job arguments: how each is parsed from Glue's text, and how error messages describe it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from engagement_jobs.contract.base_url import check_host_and_port
from engagement_jobs.contract.network import NO_PROXY_FORM, PROXY_URL_FORM, check_no_proxy, check_proxy_url
from engagement_jobs.contract.s3_keys import ACTIVITY_KEY_FORM, check_activity_key

PUSH_MODES = ("all", "changed", "retry_rejected", "dry_run")


@dataclass(frozen=True)
class ArgumentType:
    """One type of argument.

    :param parse: converts the text; raises ValueError when it is invalid
    :param expected: what a valid text is, as the end of a sentence
    """

    parse: Callable[[str], Any]
    expected: str


def _parse_text(text: str) -> str:
    if not text:
        raise ValueError(text)
    return text


def _parse_date(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _parse_utc_time(text: str) -> str:
    datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007 - the Z is part of the format
    return text


def _parse_flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _parse_positive_integer(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _parse_limit(text: str) -> int | None:
    return None if text == "none" else _parse_positive_integer(text)


def _parse_positive_number(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise ValueError(text)
    return number


def _parse_fraction(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise ValueError(text)
    return number


def _parse_s3_uri(text: str) -> str:
    if not re.fullmatch(r"s3://[^/]+/.+", text):
        raise ValueError(text)
    return text


def _parse_document_uri(text: str) -> str:
    return text if text == "default" else _parse_s3_uri(text)


def _parse_ca_uri(text: str) -> str:
    return "" if text == "none" else _parse_s3_uri(text)


def _parse_etags(text: str) -> dict[str, str]:
    etags = json.loads(text)
    if not isinstance(etags, dict) or not etags or not all(isinstance(etag, str) for etag in etags.values()):
        raise ValueError(text)
    return etags


def _parse_activity_key(text: str) -> str:
    check_activity_key(text)
    return text


def _parse_base_url(text: str) -> str:
    match = re.fullmatch(r"((?i:https?)://[^/?#@\s]+)((?:/[^?#\s]*)?)", text)
    if match is None:
        raise ValueError(text)
    check_host_and_port(text)
    return match[1].lower() + match[2].rstrip("/")


def _parse_proxy_url(text: str) -> str:
    if text == "none":
        return ""
    check_proxy_url(text)
    return text


def _parse_no_proxy(text: str) -> str:
    if text == "none":
        return ""
    check_no_proxy(_parse_text(text))
    return text


def _parse_push_mode(text: str) -> str:
    if text not in PUSH_MODES:
        raise ValueError(text)
    return text


DATE = ArgumentType(_parse_date, "a date such as 2026-11-23")
UTC_TIME = ArgumentType(_parse_utc_time, "a UTC time such as 2026-11-23T03:00:00Z")
FLAG = ArgumentType(_parse_flag, "true or false")
POSITIVE_INTEGER = ArgumentType(_parse_positive_integer, "an integer of at least 1")
LIMIT = ArgumentType(_parse_limit, '"none" or an integer of at least 1')
POSITIVE_NUMBER = ArgumentType(_parse_positive_number, "a number greater than 0")
FRACTION = ArgumentType(_parse_fraction, "a number from 0 to 1")
RUN_ID = ArgumentType(_parse_text, "the id of the orchestrator's run")
BUCKET = ArgumentType(_parse_text, "a bucket name")
SECRET_ID = ArgumentType(_parse_text, "the id of a Secrets Manager secret")
INPUT_URI = ArgumentType(_parse_s3_uri, "s3://bucket/key of a Parquet file, or s3://bucket/folder/ of several")
ACTIVITY_KEY = ArgumentType(_parse_activity_key, ACTIVITY_KEY_FORM)
ETAGS = ArgumentType(_parse_etags, 'a JSON object {"key": "ETag"}')
DOCUMENT_URI = ArgumentType(_parse_document_uri, '"default" or s3://bucket/key')
PROXY_URL = ArgumentType(_parse_proxy_url, f'"none" or {PROXY_URL_FORM}')
NO_PROXY = ArgumentType(_parse_no_proxy, f'"none" or {NO_PROXY_FORM}')
CA_URI = ArgumentType(_parse_ca_uri, '"none" or s3://bucket/key of PEM certificates')
BASE_URL = ArgumentType(
    _parse_base_url, "a URL with a valid host, port (if any) 1 to 65535, no user name, such as https://crm.example.com"
)
PUSH_MODE = ArgumentType(_parse_push_mode, f"one of {', '.join(PUSH_MODES)}")
