from __future__ import annotations

import pytest

from engagement_jobs.crm_client.response_classification import Action, classify

JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html; charset=utf-8"}
PROBLEM = b'{"type": "https://crm.example.com/problems/unknown-user", "title": "No such user"}'

# status, headers, body -> action, outcome, reason
RESPONSES = [
    (200, JSON, b'{"status": "updated"}', Action.FINALIZE, "delivered", "http_200"),
    (200, JSON, b"", Action.FINALIZE, "delivered", "http_200"),
    (200, JSON, b"[]", Action.FINALIZE, "delivered", "http_200"),
    (200, JSON, b"not json", Action.RETRY, "unknown", "http_200_unreadable"),
    (200, JSON, b'{"success": true, "errors": []}', Action.FINALIZE, "delivered", "http_200"),
    (200, JSON, b'{"error": null}', Action.FINALIZE, "delivered", "http_200"),
    (201, JSON, b"{}", Action.FINALIZE, "delivered", "http_201"),
    (202, {}, b"", Action.FINALIZE, "delivered", "http_202"),
    (200, JSON, b"[" * 60_000, Action.RETRY, "unknown", "http_200_unreadable"),
    (200, JSON, b"[" * 450 + b"]" * 450, Action.FINALIZE, "delivered", "http_200"),
    (200, JSON, b'{"data": {"result": [{"success": false}]}}', Action.REJECT, "rejected", "http_200_failure"),
    (204, {}, b"", Action.FINALIZE, "delivered", "http_204"),
    (207, JSON, b'[{"status": 200}]', Action.FINALIZE, "delivered", "http_207"),
    (207, JSON, b'[{"status": 422}]', Action.REJECT, "rejected", "http_207_failure"),
    (207, JSON, b'{"results": [{"status": "failed"}]}', Action.REJECT, "rejected", "http_207_failure"),
    (200, JSON, b'{"success": false}', Action.REJECT, "rejected", "http_200_failure"),
    (200, JSON, b'{"ok": false}', Action.REJECT, "rejected", "http_200_failure"),
    (200, JSON, b'{"status": "error"}', Action.REJECT, "rejected", "http_200_failure"),
    (200, JSON, b'{"errors": ["bad score"]}', Action.REJECT, "rejected", "http_200_failure"),
    (200, HTML, b"<!doctype html><title>Log in</title>", Action.RETRY, "unknown", "http_200_html"),
    (200, {}, b"  <html>", Action.RETRY, "unknown", "http_200_html"),
    (200, JSON, None, Action.RETRY, "unknown", "http_200_unreadable"),
    (204, HTML, None, Action.FINALIZE, "delivered", "http_204"),
    (101, {}, b"", Action.RETRY, "unknown", "http_101"),
    (404, JSON, None, Action.REJECT, "rejected", "http_404"),
    (429, JSON, None, Action.BACK_OFF, "deferred", "http_429"),
    (301, {"Location": "https://elsewhere.example.com"}, b"", Action.REFUSE, "deferred", "http_301"),
    (303, {"Location": "/result"}, b"", Action.REFUSE, "unknown", "http_303"),
    (307, {}, b"", Action.REFUSE, "deferred", "http_307"),
    (400, JSON, b"{}", Action.REJECT, "rejected", "http_400"),
    (401, JSON, b"{}", Action.REFRESH_TOKEN, "deferred", "http_401"),
    (403, JSON, b"{}", Action.REFUSE, "deferred", "http_403"),
    (404, JSON, PROBLEM, Action.REJECT, "rejected", "http_404"),
    (408, {}, b"", Action.RETRY, "deferred", "http_408"),
    (409, JSON, b"{}", Action.RETRY, "unknown", "http_409"),
    (410, {}, b"", Action.REJECT, "rejected", "http_410"),
    (413, {}, b"", Action.REJECT, "rejected", "http_413"),
    (422, JSON, b"{}", Action.REJECT, "rejected", "http_422"),
    (425, {}, b"", Action.RETRY, "deferred", "http_425"),
    (429, {"retry-after": "5"}, b"", Action.BACK_OFF, "deferred", "http_429"),
    (429, {}, b"", Action.BACK_OFF, "deferred", "http_429"),
    (500, {}, b"", Action.RETRY, "unknown", "http_500"),
    (500, {"idempotent-replayed": "true"}, b"", Action.FINALIZE, "unknown", "http_500_replayed"),
    (502, HTML, b"<h1>Bad gateway</h1>", Action.RETRY, "unknown", "http_502"),
    (503, {}, b"", Action.RETRY, "deferred", "http_503"),
    (503, {"Retry-After": "0"}, b"", Action.RETRY, "deferred", "http_503"),
    (503, {"Retry-After": "soon"}, b"", Action.BACK_OFF, "deferred", "http_503"),
    (503, {"Retry-After": "120"}, b"", Action.BACK_OFF, "deferred", "http_503"),
    (504, {}, b"", Action.RETRY, "unknown", "http_504"),
    (507, {}, b"", Action.RETRY, "unknown", "http_507"),
]


@pytest.mark.parametrize(("status", "headers", "body", "action", "outcome", "reason"), RESPONSES)
def test_classification(
    status: int, headers: dict[str, str], body: bytes | None, action: Action, outcome: str, reason: str
) -> None:
    classification = classify(status, {name.lower(): value for name, value in headers.items()}, body)
    assert (classification.action, classification.outcome, classification.reason) == (action, outcome, reason)


def test_failure_words_with_escape_sequences_are_read() -> None:
    assert classify(200, {}, rb'{"\u0065rror": "no such user"}').outcome == "rejected"
    assert classify(200, {}, rb'{"status": "re\u006aected"}').outcome == "rejected"


def test_problem_type_is_the_detail() -> None:
    headers = {"content-type": "application/problem+json"}
    assert classify(404, headers, PROBLEM).detail == "https://crm.example.com/problems/unknown-user"


@pytest.mark.parametrize("body", [b'{"type": "user Jane Doe is unknown"}', b'{"type": 5}', b"[]", b"[" * 60_000])
def test_text_that_is_not_a_problem_type_is_dropped(body: bytes) -> None:
    assert classify(404, {"content-type": "application/problem+json"}, body).detail == ""


def test_other_text_of_a_body_is_dropped() -> None:
    classification = classify(422, {}, b'{"detail": "user jane@example.com is unknown"}')
    assert "jane" not in repr(classification)
