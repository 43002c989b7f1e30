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


class Next(enum.Enum):
    """What the sender does after an answer."""

    SETTLE = "settle"  # the outcome is final
    RETRY = "retry"  # ask again with the same key, within attempts and budget
    WAIT = "wait"  # the server sets the pace: ask again, at nobody's cost
    REFRESH = "refresh"  # the token is refused: read the secret again once, then stop
    STOP = "stop"  # something is wrong with the run, not with the record


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one answer means.

    :param outcome: what the record is if this was the last word
    :param reason: short machine word, such as `http_503` or `timeout`
    :param detail: problem type named by the body, empty when there is none
    """

    next: Next
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


def classify(status: int, headers: Mapping[str, str], body: bytes | None) -> Verdict:
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
        return Verdict(Next.STOP, "unknown" if status == 303 else "deferred", reason, "redirect")
    if status in (401, 403):
        return Verdict(Next.REFRESH if status == 401 else Next.STOP, "deferred", reason, detail)
    if status == 409:
        return Verdict(Next.RETRY, "unknown", reason, detail)
    if status == 429 or (status == 503 and _asks_for_a_pause(headers)):
        return Verdict(Next.WAIT, "deferred", reason, detail)
    if status in _RETRY_UNSENT:
        return Verdict(Next.RETRY, "deferred", reason, detail)
    if 400 <= status < 500:
        return Verdict(Next.SETTLE, "rejected", reason, detail)
    if headers.get("idempotent-replayed", "").lower() == "true":
        # A stored failure comes back for the same key for ever; asking again cannot change it.
        return Verdict(Next.SETTLE, "unknown", f"{reason}_replayed", detail)
    return Verdict(Next.RETRY, "unknown", reason, detail)


def _asks_for_a_pause(headers: Mapping[str, str]) -> bool:
    return retry_after_seconds(headers.get("retry-after"), headers.get("date")) is not None


def _success(status: int, kind: str, body: bytes | None) -> Verdict:
    if body is None:
        # It may name a failure.
        return Verdict(Next.RETRY, "unknown", f"http_{status}_unreadable")
    if "html" in kind or body.lstrip()[:1] == b"<":
        # A proxy or a login page answered in the CRM's place.
        return Verdict(Next.RETRY, "unknown", f"http_{status}_html")
    if "problem" not in kind and not _MAY_NAME_FAILURE.search(body.lower()):
        return _delivered(status, "")
    parsed = _json(body)
    detail = _problem_type(kind, parsed)
    if _names_failure(parsed):
        return Verdict(Next.SETTLE, "rejected", f"http_{status}_failure", detail)
    return _delivered(status, detail)


@functools.lru_cache(maxsize=64)
def _delivered(status: int, detail: str) -> Verdict:
    # Nearly every verdict is one of these.
    return Verdict(Next.SETTLE, "delivered", f"http_{status}", detail)


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
