"""Classification of CRM responses. The rules are checked from top to bottom.

Each rule decides whether the CRM may have applied the score. The outcome is `deferred` only if it certainly has not.
"""

from __future__ import annotations

import enum
import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engagement_jobs.crm_client.retry_after import retry_after_seconds

_parse = json.JSONDecoder().decode


class Action(enum.Enum):
    """What the delivery does after a response."""

    FINALIZE = enum.auto()  # the outcome is final
    REJECT = enum.auto()  # the CRM refused this user's score; provisional, because it may refuse everyone's
    RETRY = enum.auto()  # send again with the same key, within max_attempts and the retry budget
    BACK_OFF = enum.auto()  # the CRM throttles: send again later; not an attempt, and outside the retry budget
    REFRESH_TOKEN = enum.auto()  # the CRM refused the token: read the secret again; stop if the token is the same
    REFUSE = enum.auto()  # access refused or redirected: not sent again; stop if several users get it
    STOP = enum.auto()  # the run is misconfigured: stop for all users


@dataclass(frozen=True, slots=True)
class ResponseClassification:
    """The meaning of one response, or of its absence.

    :param outcome: the user's outcome if no further request is sent
    :param reason: short code, such as `http_503` or `timeout`
    :param detail: problem type from the body, empty if there is none
    :param replayed: the CRM stored this response for the idempotency key earlier, so it says nothing about the CRM now
    """

    action: Action
    outcome: str
    reason: str
    detail: str = ""
    replayed: bool = False


# The CRM did not process the request: request timeout, too early, service unavailable.
_RETRY_UNSENT = frozenset({408, 425, 503})
_FAILURE_STATES = {"error", "errors", "fail", "failed", "failure", "rejected", "invalid"}
# A lower-case body that reports a failure contains the start of one of these words or of `false`, a number, or an
# escape sequence. This search takes a fraction of the time that parsing takes.
_MAY_REPORT_FAILURE = re.compile(rb"err|fa|rej|inv|:\s*[-\d]|\\")
# Where the status of the update may be inside a body: the greatest depth, and the members to descend into.
_MAX_DEPTH = 8
_NESTED_MEMBERS = ("results", "result", "data")


def classify(status: int, headers: Mapping[str, str], body: bytes | None) -> ResponseClassification:
    """Classify an HTTP response.

    :param headers: must support lookup by lower-case names
    :param body: None if it could not be read
    """
    content_type = headers.get("content-type", "").lower()
    if 200 <= status < 300:
        return _classify_success(status, content_type, body)
    reason = f"http_{status}"
    detail = _problem_type(content_type, _parse_json(body))
    if 300 <= status < 400:
        # 303 See Other means that the server has processed the request and that its result is at another URL.
        return ResponseClassification(Action.STOP, "unknown" if status == 303 else "deferred", reason, "redirect")
    if status == 401:
        return ResponseClassification(Action.REFRESH_TOKEN, "deferred", reason, detail)
    if status == 403:
        return ResponseClassification(Action.STOP, "deferred", reason, detail)
    if status == 409:
        return ResponseClassification(Action.RETRY, "unknown", reason, detail)
    if status == 429 or (status == 503 and _has_retry_after(headers)):
        return ResponseClassification(Action.BACK_OFF, "deferred", reason, detail)
    if status in _RETRY_UNSENT:
        return ResponseClassification(Action.RETRY, "deferred", reason, detail)
    if 400 <= status < 500:  # every 4xx without a rule of its own
        return ResponseClassification(Action.FINALIZE, "rejected", reason, detail)
    if headers.get("idempotent-replayed", "").lower() == "true":
        # The CRM replays a stored failure for this key, so a retry cannot change it.
        return ResponseClassification(Action.FINALIZE, "unknown", f"{reason}_replayed", detail)
    return ResponseClassification(Action.RETRY, "unknown", reason, detail)


def _has_retry_after(headers: Mapping[str, str]) -> bool:
    return retry_after_seconds(headers.get("retry-after"), headers.get("date")) is not None


def _classify_success(status: int, content_type: str, body: bytes | None) -> ResponseClassification:
    if body is None:
        # The body may report a failure.
        return ResponseClassification(Action.RETRY, "unknown", f"http_{status}_unreadable")
    if "html" in content_type or body.lstrip()[:1] == b"<":
        # The response is from a proxy or a login page, not from the CRM.
        return ResponseClassification(Action.RETRY, "unknown", f"http_{status}_html")
    if "problem" not in content_type and not _MAY_REPORT_FAILURE.search(body.lower()):
        return _delivered(status, "")
    parsed = _parse_json(body)
    detail = _problem_type(content_type, parsed)
    if _reports_failure(parsed):
        return ResponseClassification(Action.FINALIZE, "rejected", f"http_{status}_failure", detail)
    return _delivered(status, detail)


@functools.lru_cache(maxsize=64)
def _delivered(status: int, detail: str) -> ResponseClassification:
    # Nearly all responses have one of a few classifications of this kind.
    return ResponseClassification(Action.FINALIZE, "delivered", f"http_{status}", detail)


def _parse_json(body: bytes | None) -> Any:
    try:
        return _parse(body.decode()) if body else None
    except (ValueError, RecursionError):
        return None


def _problem_type(content_type: str, parsed: Any) -> str:
    """Return the type of a problem document (RFC 9457) if it has one. All other text may contain personal data."""
    if "problem+json" not in content_type or not isinstance(parsed, dict):
        return ""
    value = parsed.get("type")
    return value if isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w:/.#~-]{0,119}", value, re.ASCII) else ""


def _reports_failure(parsed: Any, depth: int = 0) -> bool:
    """Return whether the body of a 2xx response reports that the update failed."""
    if depth > _MAX_DEPTH:
        return False
    if isinstance(parsed, list):
        return any(_reports_failure(item, depth + 1) for item in parsed)
    if not isinstance(parsed, dict):
        return False
    if parsed.get("success") is False or parsed.get("ok") is False or parsed.get("error") or parsed.get("errors"):
        return True
    state = parsed.get("status")
    if isinstance(state, int) and not isinstance(state, bool) and state >= 400:
        return True
    if isinstance(state, str) and state.lower() in _FAILURE_STATES:
        return True
    return any(_reports_failure(parsed[name], depth + 1) for name in _NESTED_MEMBERS if name in parsed)
