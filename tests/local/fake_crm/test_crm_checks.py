"""The checks of the update endpoint, over HTTP."""

import json
from typing import Any

import pytest
import requests

from tests.local.fake_crm.client import Client

GOOD = {"user_id": "U1", "engagement_score": "73.25"}


def is_problem(response: requests.Response, status: int, name: str) -> bool:
    assert response.headers["Content-Type"] == "application/problem+json"
    document = response.json()
    assert (response.status_code, document["status"]) == (status, status)
    return bool(document["type"] == f"https://crm.example/problems/{name}" and document["detail"])


def test_an_update_is_applied(crm: Client) -> None:
    response = crm.send("U1", "73.25")
    assert (response.status_code, response.json()) == (200, {"status": "updated", "user_id": "U1"})
    assert crm.state() == {"U1": "73.25"}


@pytest.mark.parametrize("score", ["0.00", "5.10", "99.99", "100.00", "007.50"])
def test_scores_in_range_are_accepted(crm: Client, score: str) -> None:
    assert crm.send("U1", score).status_code == 200
    assert crm.state() == {"U1": score}


@pytest.mark.parametrize(
    "user_id", ["Zoë-10", "用户50", "🛒90", "Smith, J.", 'the "one"', " padded ", "back\\slash", "u" * 256]
)
def test_any_text_is_a_valid_user_id(crm: Client, user_id: str) -> None:
    assert crm.send(user_id).json()["user_id"] == user_id
    assert crm.state() == {user_id: "73.25"}
    received = crm.request("GET", "/_crm/requests", params={"user_id": user_id}).json()
    assert [json.loads(one["body"])["user_id"] for one in received] == [user_id]


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"engagement_score": "100.01"}, "engagement_score", "0.00 to 100.00"),
        ({"engagement_score": "7.5"}, "engagement_score", "two digits"),
        ({"engagement_score": "-1.00"}, "engagement_score", "two digits"),
        ({"engagement_score": "73.25\n"}, "engagement_score", "two digits"),
        ({"engagement_score": "٧٣.٢٥"}, "engagement_score", "two digits"),
        ({"engagement_score": 73.25}, "engagement_score", "float"),
        ({"engagement_score": None}, "engagement_score", "NoneType"),
        ({"user_id": ""}, "user_id", "empty"),
        ({"user_id": "  "}, "user_id", "blank"),
        ({"user_id": 17}, "user_id", "int"),
        ({"user_id": "u" * 257}, "user_id", "257 characters"),
        ({"user_id": "\ud800"}, "user_id", "surrogate"),
        ({"score": "73.25"}, "score", "not a field"),
    ],
)
def test_an_invalid_field_is_named(crm: Client, change: dict[str, Any], field: str, says: str) -> None:
    response = crm.send(data=json.dumps({**GOOD, **change}), headers={"Content-Type": "application/json"})
    assert is_problem(response, 422, "invalid-field")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert says in response.json()["errors"][0]["detail"]
    assert crm.state() == {}


def test_a_missing_field_is_named(crm: Client) -> None:
    response = crm.send(data='{"user_id": "U1"}', headers={"Content-Type": "application/json"})
    assert is_problem(response, 422, "invalid-field")
    assert response.json()["errors"] == [{"field": "engagement_score", "detail": "missing"}]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b'{"user_id": "\xff", "engagement_score": "1.00"}',
        b'{"user_id": "U1", "user_id": "U2", "engagement_score": "1.00"}',
        b"[" * 15_000,
    ],
)
def test_a_body_without_a_json_object_is_rejected(crm: Client, body: Any) -> None:
    response = crm.send(data=body, headers={"Content-Type": "application/json"})
    assert is_problem(response, 400, "malformed-json")
    assert crm.state() == {}


@pytest.mark.parametrize("header", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_another_content_type_is_rejected(crm: Client, header: Any) -> None:
    response = crm.send(data=json.dumps(GOOD), headers={"Content-Type": header} if header else {})
    assert is_problem(response, 415, "unsupported-media-type")


def test_a_content_type_with_a_charset_is_accepted(crm: Client) -> None:
    assert crm.send(headers={"Content-Type": "Application/JSON; charset=utf-8"}).status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_rejected(crm: Client, chunked: bool) -> None:
    body = json.dumps(GOOD).encode() + b" " * 16_384
    response = crm.send(data=iter([body]) if chunked else body, headers={"Content-Type": "application/json"})
    assert is_problem(response, 413, "body-too-large")
    assert str(len(body)) in response.json()["detail"]


def test_a_key_that_is_too_long_is_rejected(crm: Client) -> None:
    assert is_problem(crm.send(key="k" * 256), 400, "invalid-idempotency-key")
    assert crm.send(key="k" * 255).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Bearer", "Basic a-token-for-this-test-only", "Bearer \xff"])
def test_a_request_without_the_token_is_rejected(crm: Client, header: Any) -> None:
    response = crm.send(headers={"Authorization": header.encode("latin-1")})
    assert is_problem(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"].startswith('Bearer realm="crm"')
    assert crm.state() == {}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_rejected(crm: Client, method: str) -> None:
    response = requests.request(method, f"{crm.url}/api/v1/update-score", timeout=10)
    assert is_problem(response, 405, "method-not-allowed")
    assert response.headers["Allow"] == "POST"
    assert crm.stats()["requests"] == 0
    assert crm.stats()["other_methods"] == 1


@pytest.mark.parametrize(
    "path", ["/index.html", "/api/v1/update-score/", "/api/v2/update-score", "/_crm", "/_crm/users"]
)
def test_other_paths_are_not_found(crm: Client, path: str) -> None:
    assert is_problem(crm.request("POST", path), 404, "not-found")
