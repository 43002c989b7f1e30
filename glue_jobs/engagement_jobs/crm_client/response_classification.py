"""What an answer of the CRM, or the lack of one, says about a record: one table, read top down.

The question behind every line is: may the CRM have applied the score? Only a sure no may be called `deferred`.
"""

from __future__ import annotations

import enum
import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engagement_jobs.delivery.rate_limiter import retry_after_seconds

OUTCOMES = ("delivered", "rejected", "unknown", "deferred", "superseded", "unchanged", "planned")
SETTLED = ("delivered", "rejected")
OPEN = ("unknown", "deferred")


_parse = json.JSONDecoder().decode


class Action(enum.Enum):
    """What the sender does after an answer."""

    FINALIZE = enum.auto()  # the outcome is final
    RETRY = enum.auto()  # send again with the same key, within max_attempts and the retry budget
    BACK_OFF = enum.auto()  # the CRM throttles: send again later; costs neither an attempt nor retry budget
    REFRESH_TOKEN = enum.auto()  # the CRM refused the token: read the secret again once, then stop
    STOP = enum.auto()  # the run is misconfigured, not this one user


@dataclass(frozen=True, slots=True)
class ResponseClassification:
    """What one answer means.

    :param outcome: what the record is if this was the last word
    :param reason: short machine word, such as `http_503` or `timeout`
    :param detail: problem type named by the body, empty when there is none
    """

    action: Action
    outcome: str
    reason: str
    detail: str = ""


# Final for this record whatever we do again; every other 4xx not named below is final too.
_RETRY_UNSENT = {408: "request timeout", 425: "too early", 503: "unavailable"}
_FAILED_WORDS = {"error", "errors", "fail", "failed", "failure", "rejected", "invalid"}
# What a body in lower case has that names a failure: the beginning of such a word, or of false, a number or an escape.
# To look for these takes a fraction of reading it.
_MAY_NAME_FAILURE = re.compile(rb"err|fa|rej|inv|:\s*[-\d]|\\")
# Where the word on a record may lie inside a body.
_DEEPEST = 8
_PARTS = ("results", "result", "data")


def classify(status: int, headers: Mapping[str, str], body: bytes | None) -> ResponseClassification:
    """The verdict on an HTTP answer.

    :param headers: by names in lower case
    :param body: None when it cannot be read
    """
    kind = headers.get("content-type", "").lower()
    if 200 <= status < 300:
        return _success(status, kind, body)
    reason = f"http_{status}"
    detail = _problem_type(kind, _json(body))
    if 300 <= status < 400:
        # 303 is what a server says that has done the work and shows the result elsewhere.
        return ResponseClassification(Action.STOP, "unknown" if status == 303 else "deferred", reason, "redirect")
    if status in (401, 403):
        return ResponseClassification(
            Action.REFRESH_TOKEN if status == 401 else Action.STOP, "deferred", reason, detail
        )
    if status == 409:
        return ResponseClassification(Action.RETRY, "unknown", reason, detail)
    if status == 429 or (status == 503 and _asks_for_a_pause(headers)):
        return ResponseClassification(Action.BACK_OFF, "deferred", reason, detail)
    if status in _RETRY_UNSENT:
        return ResponseClassification(Action.RETRY, "deferred", reason, detail)
    if 400 <= status < 500:
        return ResponseClassification(Action.FINALIZE, "rejected", reason, detail)
    if headers.get("idempotent-replayed", "").lower() == "true":
        # A stored failure comes back for the same key for ever; asking again cannot change it.
        return ResponseClassification(Action.FINALIZE, "unknown", f"{reason}_replayed", detail)
    return ResponseClassification(Action.RETRY, "unknown", reason, detail)


def _asks_for_a_pause(headers: Mapping[str, str]) -> bool:
    return retry_after_seconds(headers.get("retry-after"), headers.get("date")) is not None


def _success(status: int, kind: str, body: bytes | None) -> ResponseClassification:
    if body is None:
        # It may name a failure.
        return ResponseClassification(Action.RETRY, "unknown", f"http_{status}_unreadable")
    if "html" in kind or body.lstrip()[:1] == b"<":
        # A proxy or a login page answered in the CRM's place.
        return ResponseClassification(Action.RETRY, "unknown", f"http_{status}_html")
    if "problem" not in kind and not _MAY_NAME_FAILURE.search(body.lower()):
        return _delivered(status, "")
    parsed = _json(body)
    detail = _problem_type(kind, parsed)
    if _names_failure(parsed):
        return ResponseClassification(Action.FINALIZE, "rejected", f"http_{status}_failure", detail)
    return _delivered(status, detail)


@functools.lru_cache(maxsize=64)
def _delivered(status: int, detail: str) -> ResponseClassification:
    # Nearly every verdict is one of these.
    return ResponseClassification(Action.FINALIZE, "delivered", f"http_{status}", detail)


def _json(body: bytes | None) -> Any:
    try:
        return _parse(body.decode()) if body else None
    except (ValueError, RecursionError):
        return None


def _problem_type(kind: str, parsed: Any) -> str:
    """The type of a problem document (RFC 9457), if it looks like one: other text of the CRM may name a person."""
    if "problem+json" not in kind or not isinstance(parsed, dict):
        return ""
    named = parsed.get("type")
    return named if isinstance(named, str) and re.fullmatch(r"[A-Za-z][\w:/.#~-]{0,119}", named, re.ASCII) else ""


def _names_failure(parsed: Any, depth: int = 0) -> bool:
    """Whether a body that came with a success status says that the record failed."""
    if depth > _DEEPEST:
        return False
    if isinstance(parsed, list):
        return any(_names_failure(item, depth + 1) for item in parsed)
    if not isinstance(parsed, dict):
        return False
    if parsed.get("success") is False or parsed.get("ok") is False or parsed.get("error") or parsed.get("errors"):
        return True
    state = parsed.get("status")
    if isinstance(state, int) and not isinstance(state, bool) and state >= 400:
        return True
    if isinstance(state, str) and state.lower() in _FAILED_WORDS:
        return True
    return any(_names_failure(parsed[part], depth + 1) for part in _PARTS if part in parsed)
