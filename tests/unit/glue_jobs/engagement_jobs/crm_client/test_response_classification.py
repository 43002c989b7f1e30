from __future__ import annotations

import pytest

from engagement_jobs.crm_client.response_classification import Action, classify

JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html; charset=utf-8"}
PROBLEM = b'{"type": "https://crm.example.com/problems/unknown-user", "title": "No such user"}'

LIMIT = b'{"error": {"code": "rate_limit_exceeded", "message": "Try again later."}}'
SALESFORCE = b'[{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]'
WAIT = {"Retry-After": "120"}

# status, headers, body -> action, outcome, reason
RESPONSES = [
    # 2xx: test_body_text.py has the bodies
    (200, JSON, b'{"status": "updated"}', Action.FINALIZE, "delivered", "http_200"),
    (202, {}, b"", Action.FINALIZE, "delivered", "http_202"),
    (207, JSON, b'{"results": [{"status": "failed"}]}', Action.REJECT, "rejected", "http_207_failure"),
    (200, JSON, LIMIT, Action.BACK_OFF, "deferred", "http_200_limit"),
    (200, JSON, b'{"errorType": "KeyError"}', Action.RETRY, "unknown", "http_200_execution_error"),
    (200, HTML, b"<!doctype html><title>Log in</title>", Action.RETRY, "unknown", "http_200_html"),
    (202, {**HTML, "x-amzn-waf-action": "challenge"}, b"", Action.RETRY, "unknown", "http_202_html"),
    (200, {}, b"Error: no such user", Action.RETRY, "unknown", "http_200_error_text"),
    (200, JSON, None, Action.RETRY, "unknown", "http_200_unreadable"),
    (200, {"Content-Encoding": "br"}, None, Action.RETRY, "unknown", "http_200_encoding"),
    (201, {"Content-Encoding": "gzip, gzip"}, None, Action.RETRY, "unknown", "http_201_encoding"),
    (200, {"Transfer-Encoding": "zstd, chunked"}, None, Action.RETRY, "unknown", "http_200_encoding"),
    (200, {"Content-Encoding": "gzip"}, None, Action.RETRY, "unknown", "http_200_unreadable"),
    (204, HTML, b"", Action.FINALIZE, "delivered", "http_204"),
    (204, {"Content-Encoding": "gzip"}, None, Action.FINALIZE, "delivered", "http_204"),
    (205, JSON, None, Action.FINALIZE, "delivered", "http_205"),
    # 1xx and 3xx
    (101, {}, b"", Action.RETRY, "unknown", "http_101"),
    (301, {"Location": "https://elsewhere.example.com"}, b"", Action.REFUSE, "deferred", "http_301"),
    (303, {"Location": "/result"}, b"", Action.REFUSE, "unknown", "http_303"),
    (307, WAIT, b"", Action.REFUSE, "deferred", "http_307"),
    # 4xx
    (400, JSON, b"{}", Action.REJECT, "rejected", "http_400"),
    (404, JSON, None, Action.REJECT, "rejected", "http_404"),
    (404, JSON, PROBLEM, Action.REJECT, "rejected", "http_404"),
    (405, HTML, b"<h1>Not allowed</h1>", Action.REJECT, "rejected", "http_405"),
    (413, {}, b"", Action.REJECT, "rejected", "http_413"),
    (422, JSON, b"{}", Action.REJECT, "rejected", "http_422"),
    (401, JSON, b"{}", Action.REFRESH_TOKEN, "deferred", "http_401"),
    (401, WAIT, LIMIT, Action.REFRESH_TOKEN, "deferred", "http_401"),
    (403, JSON, b"{}", Action.REFUSE, "deferred", "http_403"),
    (403, HTML, b"<h1>Rate limit exceeded</h1>", Action.REFUSE, "deferred", "http_403"),
    (403, {}, b"Rate limit exceeded", Action.REFUSE, "deferred", "http_403"),
    (403, {"X-RateLimit-Remaining": "12"}, b"{}", Action.REFUSE, "deferred", "http_403"),
    (403, {"Retry-After": "0"}, b"{}", Action.REFUSE, "deferred", "http_403"),
    (408, {}, b"", Action.RETRY, "deferred", "http_408"),
    (425, {}, b"", Action.RETRY, "deferred", "http_425"),
    (409, JSON, b"{}", Action.RETRY, "unknown", "http_409"),
    # pushback
    (429, JSON, None, Action.BACK_OFF, "deferred", "http_429"),
    (429, {"Retry-After": "0"}, b"", Action.BACK_OFF, "deferred", "http_429"),
    *((status, {}, b"", Action.BACK_OFF, "deferred", f"http_{status}_limit") for status in (420, 423, 430, 477)),
    *(
        (status, headers, b"", Action.BACK_OFF, "deferred", f"http_{status}_limit")
        for status in (400, 403, 404, 408, 422, 425)
        for headers in (WAIT, {"Retry-After": "soon"}, {"Retry-After-Ms": "20"})
    ),
    *(
        (status, JSON, body, Action.BACK_OFF, "deferred", f"http_{status}_limit")
        for status in (400, 403, 404)
        for body in (LIMIT, SALESFORCE, b"\xef\xbb\xbf" + LIMIT)
    ),
    (403, HTML, LIMIT, Action.BACK_OFF, "deferred", "http_403_limit"),
    (403, {"X-RateLimit-Remaining": "0"}, b"", Action.BACK_OFF, "deferred", "http_403_limit"),
    *(
        (
            403,
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset},
            b"",
            Action.BACK_OFF,
            "deferred",
            "http_403_limit",
        )
        for reset in ("0", "1795402800", "30")
    ),
    (403, {"RateLimit": '"default";r=0;t=30'}, b"", Action.BACK_OFF, "deferred", "http_403_limit"),
    (403, {"X-RateLimit-Remaining": "-1"}, b"", Action.REFUSE, "deferred", "http_403"),
    (404, {"X-RateLimit-Remaining": "0"}, b"", Action.REJECT, "rejected", "http_404"),
    (409, WAIT, b"", Action.BACK_OFF, "unknown", "http_409_limit"),
    (503, WAIT, b"", Action.BACK_OFF, "deferred", "http_503"),
    (503, {"Retry-After": "soon"}, b"", Action.BACK_OFF, "deferred", "http_503"),
    *((status, WAIT, b"", Action.BACK_OFF, "unknown", f"http_{status}_limit") for status in (500, 502, 504, 529)),
    # 5xx
    (503, {}, b"", Action.RETRY, "deferred", "http_503"),
    (503, {"Retry-After": "0"}, b"", Action.RETRY, "deferred", "http_503"),
    (500, JSON, LIMIT, Action.RETRY, "unknown", "http_500"),
    (502, HTML, b"<h1>Bad gateway</h1>", Action.RETRY, "unknown", "http_502"),
    (504, {}, b"", Action.RETRY, "unknown", "http_504"),
    (500, {"Idempotent-Replayed": "true"}, b"", Action.FINALIZE, "unknown", "http_500_replayed"),
    (503, {"Idempotent-Replayed": "true", **WAIT}, b"", Action.FINALIZE, "unknown", "http_503_replayed"),
    (500, {"Idempotent-Replayed": "false"}, b"", Action.RETRY, "unknown", "http_500"),
]


@pytest.mark.parametrize(("status", "headers", "body", "action", "outcome", "reason"), RESPONSES)
def test_classification(
    status: int, headers: dict[str, str], body: bytes | None, action: Action, outcome: str, reason: str
) -> None:
    classification = classify(status, {name.lower(): value for name, value in headers.items()}, body)
    assert (classification.action, classification.outcome, classification.reason) == (action, outcome, reason)


@pytest.mark.parametrize("status", [200, 204, 404, 429, 500])
def test_replayed_responses_are_marked(status: int) -> None:
    assert classify(status, {"idempotent-replayed": "True"}, b"").replayed
    assert not classify(status, {}, b"").replayed


def test_problem_type_is_the_detail() -> None:
    headers = {"content-type": "application/problem+json"}
    assert classify(404, headers, PROBLEM).detail == "https://crm.example.com/problems/unknown-user"


def test_redirect_is_marked() -> None:
    assert classify(302, {"content-type": "application/problem+json"}, PROBLEM).detail == "redirect"


@pytest.mark.parametrize("body", [b'{"type": "user Jane Doe is unknown"}', b'{"type": 5}', b"[]", b"[" * 60_000])
def test_text_that_is_not_a_problem_type_is_dropped(body: bytes) -> None:
    assert classify(404, {"content-type": "application/problem+json"}, body).detail == ""


def test_other_text_of_a_body_is_dropped() -> None:
    classification = classify(422, {}, b'{"detail": "user jane@example.com is unknown"}')
    assert "jane" not in repr(classification)
