"""Classification of the CRM's responses, and of missing responses, by the rules of `response_rules`."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from multidict import istr

from engagement_jobs.contract.errors import AmbiguousError, UnsentError
from engagement_jobs.crm_client import json_bodies
from engagement_jobs.crm_client.body_text import parse_body, success_finding
from engagement_jobs.crm_client.document.declared_rules import DECLARED_RULES
from engagement_jobs.crm_client.document.responses import DeclaredResponses, value_at
from engagement_jobs.crm_client.headers.quotas import has_used_up_quota
from engagement_jobs.crm_client.headers.waits import requested_wait
from engagement_jobs.crm_client.response_rules import FAILURE_RULES, LIMIT_STATUSES, RULES, Action, Finding

__all__ = ["Action", "ResponseClassification", "classify", "classify_failure"]

_REPLAYED: Final = istr("idempotent-replayed")
_CONTENT_TYPE: Final = istr("content-type")
_FAILURE_ACTIONS: Final = {rule.reason: rule.action for rule in FAILURE_RULES}
_PROBLEM_TYPE = re.compile(r"[A-Za-z][\w:/.#~-]{0,119}", re.ASCII)


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


def classify(
    status: int, headers: Mapping[str, str], body: bytes | None, declared: DeclaredResponses | None = None
) -> ResponseClassification:
    """Classify an HTTP response.

    :param headers: must support lookup by lower-case names
    :param body: None if it could not be read
    :param declared: what the CRM document declares about responses
    """
    replayed = _REPLAYED in headers and headers[_REPLAYED].strip().lower() == "true"
    if declared is not None and not (replayed and status >= 500):
        finding = _declared_finding(declared, status, headers, body)
        if finding is not Finding.NOTHING:
            return _apply_rules(status, finding, _problem_type(headers, body), replayed)
    if 200 <= status < 300:
        finding = success_finding(headers, body)
        if finding is Finding.NOTHING:
            return _apply_rules(status, finding, "", replayed)  # nearly all responses
    elif replayed and status >= 500:
        finding = Finding.REPLAYED
    else:
        finding = Finding.LIMIT if status >= 400 and _shows_limit(status, headers, body) else Finding.NOTHING
    return _apply_rules(status, finding, _problem_type(headers, body), replayed)


def classify_failure(error: UnsentError | AmbiguousError) -> ResponseClassification:
    """Classify a request without a response."""
    reason = str(error)
    outcome = "unknown" if isinstance(error, AmbiguousError) else "deferred"
    return ResponseClassification(_FAILURE_ACTIONS.get(reason, Action.RETRY), outcome, reason)


@functools.lru_cache(maxsize=256)
def _apply_rules(status: int, finding: Finding, detail: str, replayed: bool) -> ResponseClassification:
    rules = (*DECLARED_RULES, *RULES)
    rule = next(rule for rule in rules if status in rule.statuses and rule.finding in (None, finding))
    reason = rule.reason.format(status=status)
    return ResponseClassification(rule.action, rule.outcome, reason, rule.detail or detail, replayed)


def _declared_finding(
    declared: DeclaredResponses, status: int, headers: Mapping[str, str], body: bytes | None
) -> Finding:
    """Return what a response shows by the CRM document; NOTHING if the built-in rules decide."""
    if status in declared.pushback:
        return Finding.DECLARED_PUSHBACK
    if status in declared.final:
        # Even a final status is pushback if the response says that it is a matter of time.
        has_wait = requested_wait(status, headers) is not None or (status == 403 and has_used_up_quota(headers))
        return Finding.LIMIT if has_wait or _reports_limit(headers, body) else Finding.DECLARED_FINAL
    is_2xx = 200 <= status < 300
    if not declared.is_success(status):
        return Finding.UNEXPECTED if is_2xx else Finding.NOTHING
    if declared.pointer is None:
        return Finding.NOTHING if is_2xx else Finding.DECLARED_SUCCESS
    finding = _finding_at(declared, headers, body)
    return Finding.LIMIT if finding is not Finding.DECLARED_SUCCESS and _reports_limit(headers, body) else finding


def _finding_at(declared: DeclaredResponses, headers: Mapping[str, str], body: bytes | None) -> Finding:
    try:
        value = value_at(parse_body(headers, body or b""), declared.pointer or ())
    except (ValueError, LookupError):
        return Finding.NO_VALUE
    return Finding.DECLARED_SUCCESS if declared.shows_success(value) else Finding.OTHER_VALUE


def _shows_limit(status: int, headers: Mapping[str, str], body: bytes | None) -> bool:
    """Return whether a response that is no success is pushback."""
    if status in LIMIT_STATUSES or requested_wait(status, headers) is not None:
        return True
    if status == 403 and has_used_up_quota(headers):
        return True
    return status < 500 and _reports_limit(headers, body)


def _reports_limit(headers: Mapping[str, str], body: bytes | None) -> bool:
    return bool(json_bodies.evaluate(_parse(headers, body)) & (json_bodies.LIMIT | json_bodies.RECORD_LIMIT))


def _parse(headers: Mapping[str, str], body: bytes | None) -> Any:
    with contextlib.suppress(ValueError):
        return parse_body(headers, body) if body else None
    return None


def _problem_type(headers: Mapping[str, str], body: bytes | None) -> str:
    """Return the type of a problem document (RFC 9457) if it has one. All other text may contain personal data."""
    if "problem+json" not in headers.get(_CONTENT_TYPE, "").lower():
        return ""
    parsed = _parse(headers, body)
    value = parsed.get("type") if isinstance(parsed, dict) else None
    return value if isinstance(value, str) and _PROBLEM_TYPE.fullmatch(value) else ""
