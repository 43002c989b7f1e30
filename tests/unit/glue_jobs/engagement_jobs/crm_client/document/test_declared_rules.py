from __future__ import annotations

import json
import re
from typing import Any

import pytest

from engagement_jobs.crm_client.document.crm_document import CrmDocument
from engagement_jobs.crm_client.document.declared_rules import DECLARED_RULES
from engagement_jobs.crm_client.response_classification import classify
from engagement_jobs.crm_client.response_rules import RULES, Finding
from tests.support.crm_requests import DEFAULT, ROOT, template

PAGE = (ROOT / "docs" / "reference" / "crm-document.md").read_text(encoding="utf-8")
LIMIT = b'{"error": {"code": "RATE_LIMIT"}}'
POINTER = {"success": {"statuses": [200, 202, 409], "pointer": "/items/0/a~1b", "values": ["accepted", 1, True, None]}}
NO_SCALARS: tuple[Any, ...] = ({}, [], ["accepted"])
RULES_OF_STATUSES = {"success": {"statuses": [200, 201, 409]}, "final": [403, 404, 500], "pushback": [420, 429, 503]}


def decide(response: dict[str, Any], status: int, body: bytes = b"", **headers: str) -> tuple[str, str, str]:
    """Return action, outcome and reason of a response if the document declares this."""
    declared = template(response=response).document.responses
    names = {name.lower().replace("_", "-"): value for name, value in headers.items()}
    verdict = classify(status, names, body, declared)
    return verdict.action.name, verdict.outcome, verdict.reason


def at_pointer(value: Any) -> bytes:
    return json.dumps({"items": [{"a/b": value}], "error": "an error of another item"}).encode()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"", ("FINALIZE", "delivered", "http_200")),
        (201, b'{"id": 7}', ("FINALIZE", "delivered", "http_201")),
        (200, b'{"success": false}', ("REJECT", "rejected", "http_200_failure")),
        (200, LIMIT, ("BACK_OFF", "deferred", "http_200_limit")),
        (409, b'{"error": "duplicate"}', ("FINALIZE", "delivered", "http_409")),
        (202, b"", ("RETRY", "unknown", "http_202_unexpected")),
        (204, b"", ("RETRY", "unknown", "http_204_unexpected")),
        (299, b'{"success": true}', ("RETRY", "unknown", "http_299_unexpected")),
        (403, b"", ("REJECT", "rejected", "http_403")),
        (404, b"<html>", ("REJECT", "rejected", "http_404")),
        (500, b"", ("REJECT", "rejected", "http_500")),
        (404, LIMIT, ("BACK_OFF", "deferred", "http_404_limit")),
        (429, b"", ("BACK_OFF", "deferred", "http_429")),
        (503, b"", ("BACK_OFF", "deferred", "http_503")),
        (420, b"", ("BACK_OFF", "deferred", "http_420_limit")),
        (400, b"", ("REJECT", "rejected", "http_400")),
        (401, b"", ("REFRESH_TOKEN", "deferred", "http_401")),
        (302, b"", ("REFUSE", "deferred", "http_302")),
        (502, b"", ("RETRY", "unknown", "http_502")),
    ],
)
def test_declared_statuses_decide_before_the_policy(status: int, body: bytes, expected: tuple[str, str, str]) -> None:
    assert decide(RULES_OF_STATUSES, status, body) == expected


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_final_status_with_a_wait_is_pushback(status: int) -> None:
    assert decide(RULES_OF_STATUSES, status, retry_after="7")[0] == "BACK_OFF"
    assert decide(RULES_OF_STATUSES, status, retry_after="0")[0] == "REJECT"


@pytest.mark.parametrize("header", ["x_ratelimit_remaining", "ratelimit_remaining"])
def test_a_final_403_with_a_used_up_quota_is_pushback(header: str) -> None:
    assert decide(RULES_OF_STATUSES, 403, b"", **{header: "0"}) == ("BACK_OFF", "deferred", "http_403_limit")
    assert decide(RULES_OF_STATUSES, 403, b"", **{header: "1"})[0] == "REJECT"
    assert decide(RULES_OF_STATUSES, 404, b"", **{header: "0"})[0] == "REJECT"


@pytest.mark.parametrize("status", [500, 503])
def test_a_replayed_5xx_does_not_loop(status: int) -> None:
    verdict = decide(RULES_OF_STATUSES, status, idempotent_replayed="true")
    assert verdict == ("FINALIZE", "unknown", f"http_{status}_replayed")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        *((at_pointer(value), ("FINALIZE", "delivered", "http_{}")) for value in ("accepted", 1, 1.0, True, None)),
        *(
            (at_pointer(value), ("REJECT", "rejected", "http_{}_failure"))
            for value in ("refused", "", 0, False, 2, "1")
        ),
        *((at_pointer(value), ("RETRY", "unknown", "http_{}_no_value")) for value in NO_SCALARS),
        (b"", ("RETRY", "unknown", "http_{}_no_value")),
        (b"<html>accepted</html>", ("RETRY", "unknown", "http_{}_no_value")),
        (b'{"items": []}', ("RETRY", "unknown", "http_{}_no_value")),
        (b'{"items": {"0": {"a~1b": "accepted"}}}', ("RETRY", "unknown", "http_{}_no_value")),
        (b'"accepted"', ("RETRY", "unknown", "http_{}_no_value")),
    ],
)
@pytest.mark.parametrize("status", [200, 202, 409])
def test_the_value_at_the_pointer_decides(status: int, body: bytes, expected: tuple[str, str, str]) -> None:
    action, outcome, reason = expected
    assert decide(POINTER, status, body) == (action, outcome, reason.format(status))


@pytest.mark.parametrize(("declared", "other"), [(1, True), (True, 1), (0, False), (False, 0), (None, False), ("1", 1)])
def test_a_value_of_another_type_is_another_value(declared: Any, other: Any) -> None:
    response = {"success": {"pointer": "/a", "values": [declared]}}
    assert decide(response, 200, json.dumps({"a": declared}).encode())[1] == "delivered"
    assert decide(response, 200, json.dumps({"a": other}).encode())[1] == "rejected"


@pytest.mark.parametrize("status", [200, 202, 409])
@pytest.mark.parametrize("value", ["refused", {}])
def test_a_limit_is_no_failure_of_the_value(status: int, value: Any) -> None:
    body = json.dumps({"items": [{"a/b": value}], "error": {"code": "RATE_LIMIT"}}).encode()
    assert decide(POINTER, status, body)[0] == "BACK_OFF"


@pytest.mark.parametrize(
    ("pointer", "body"), [("", b'"ok"'), ("/", b'{"": "ok"}'), ("/0/1", b'[["no", "ok"]]'), ("/~01", b'{"~1": "ok"}')]
)
def test_pointers_are_those_of_the_rfc(pointer: str, body: bytes) -> None:
    response = {"success": {"pointer": pointer, "values": ["ok"]}}
    assert decide(response, 200, body)[1] == "delivered"
    assert decide(response, 200, b'["ok"]')[1] == "unknown"


@pytest.mark.parametrize("response", [None, {}, {"success": {}}])
@pytest.mark.parametrize("status", [200, 202, 404, 429, 503])
def test_nothing_declared_changes_nothing(status: int, response: dict[str, Any] | None) -> None:
    plain = classify(status, {}, b"{}")
    assert decide(response or {}, status, b"{}") == (plain.action.name, plain.outcome, plain.reason)


def test_every_declared_rule_is_used_and_documented() -> None:
    rules = (*DECLARED_RULES, *RULES)
    used = {
        next(rule for rule in rules if status in rule.statuses and rule.finding in (None, finding))
        for status in range(200, 600)
        for finding in Finding
    }
    assert used >= set(DECLARED_RULES)
    for rule in DECLARED_RULES:
        assert f"| {rule.evidence} | {rule.verdict} | `{re.sub('{.*}', '…', rule.reason)}` |\n" in PAGE


def test_the_default_document_declares_no_responses() -> None:
    assert CrmDocument.default().responses is None
    assert f"```json\n{DEFAULT}```" in PAGE
