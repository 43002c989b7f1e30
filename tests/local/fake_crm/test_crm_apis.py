"""The endpoints of other shapes: what each accepts, and what it refuses."""

from urllib.parse import quote

import pytest
import requests

from tests.local.fake_crm.client import AUTHORIZED, Client

CONTACT = "/crm/v3/objects/contacts/U1?idProperty=external_id"
TEXTS = {"engagement_score": "73.50", "engagement_score_date": "2026-11-23"}
TRAITS = {"engagement_score": 73.5, "scored_at": "2026-11-23T03:00:00Z"}
EVENT = {
    "event": "engagement_scored",
    "event_id": "e1",
    "user_id": "U1",
    "properties": {"score": 73.5, "score_date": "2026-11-23", "weights_version": "1"},
}
QUOTED = {"Idempotency-Key": '"k1"'}
SOURCE = {"Accept": "application/json", "X-Source": "engagement-scoring"}


def call(crm: Client, method: str, path: str, body: object, **headers: str) -> requests.Response:
    options = {"headers": AUTHORIZED | headers, "json": body, "timeout": 10}
    return crm.session.request(method, crm.url + path, **options)  # type: ignore[arg-type]


def test_a_contact_property_is_set_each_time(crm: Client) -> None:
    for _ in range(2):
        assert call(crm, "PATCH", CONTACT, {"properties": TEXTS}).status_code == 200
    assert (crm.state(), crm.stats()["applied"]) == ({"U1": "73.50"}, 2)


def test_an_upsert_is_applied_once_per_quoted_key(crm: Client) -> None:
    received = [
        call(crm, "PUT", "/v1/profiles/U1", {"traits": TRAITS}, **{"Idempotency-Key": key}).status_code
        for key in ('"k1"', '"k1"', '"k2"')
    ]
    assert received == [201, 200, 200]
    assert (crm.state(), crm.stats()["applied"], crm.stats()["replayed"]) == ({"U1": "73.50"}, 2, 1)


def test_an_event_is_applied_once_per_id(crm: Client) -> None:
    received = [call(crm, "POST", "/v2/events", EVENT, **SOURCE) for _ in range(2)]
    assert [(one.status_code, one.json()["status"]) for one in received] == [(202, "accepted"), (200, "duplicate")]
    assert (crm.state(), crm.stats()["applied"]) == ({"U1": "73.50"}, 1)
    other = EVENT | {"properties": {"score": 1.0, "score_date": "2026-11-23", "weights_version": "1"}}
    assert call(crm, "POST", "/v2/events", other, **SOURCE).status_code == 422


@pytest.mark.parametrize("user", ["a/b", "a?b", "100%", "Zoë", "用户", "a b", "a;b=c", "a&b", "#1", "a+b"])
def test_the_user_in_the_path_is_decoded(crm: Client, user: str) -> None:
    assert call(crm, "PUT", f"/v1/profiles/{quote(user, safe='')}", {"traits": TRAITS}, **QUOTED).status_code == 201
    assert crm.state() == {user: "73.50"}


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", CONTACT, {"properties": TEXTS}, {}, 405),
        ("PATCH", "/crm/v3/objects/contacts/U1", {"properties": TEXTS}, {}, 404),
        ("PATCH", CONTACT.replace("U1", "U1/x"), {"properties": TEXTS}, {}, 404),
        ("PATCH", CONTACT, {"properties": TEXTS}, QUOTED, 400),
        ("PATCH", CONTACT, {"properties": TEXTS | {"engagement_score": 73.5}}, {}, 400),
        ("PATCH", CONTACT, {"properties": TEXTS | {"engagement_score_date": "23.11.2026"}}, {}, 400),
        ("PATCH", CONTACT, {"properties": TEXTS, "id": "U1"}, {}, 400),
        ("PUT", "/v1/profiles/U1", {"traits": TRAITS}, {}, 400),
        ("PUT", "/v1/profiles/U1", {"traits": TRAITS}, {"Idempotency-Key": "k1"}, 400),
        ("PUT", "/v1/profiles/U1?a=b", {"traits": TRAITS}, QUOTED, 400),
        ("PUT", "/v1/profiles/U1", {"traits": TRAITS | {"engagement_score": "73.50"}}, QUOTED, 422),
        ("PUT", "/v1/profiles/U1", {"traits": TRAITS | {"engagement_score": 73.505}}, QUOTED, 422),
        ("PUT", "/v1/profiles/U1", {"traits": TRAITS | {"scored_at": "2026-11-23"}}, QUOTED, 422),
        ("PUT", "/v1/profiles/%20", {"traits": TRAITS}, QUOTED, 422),
        ("POST", "/v2/events", EVENT, {}, 406),
        ("POST", "/v2/events", EVENT, {"Accept": "application/json"}, 400),
        ("POST", "/v2/events", EVENT, SOURCE | QUOTED, 400),
        ("POST", "/v2/events", EVENT | {"event_id": ""}, SOURCE, 422),
        ("POST", "/v2/events", EVENT | {"event": "other"}, SOURCE, 422),
        ("POST", "/v2/events", {"event_id": "e1", "user_id": "U1"}, SOURCE, 422),
    ],
)
def test_another_request_is_refused(
    crm: Client, method: str, path: str, body: object, headers: dict[str, str], status: int
) -> None:
    assert call(crm, method, path, body, **headers).status_code == status
    assert crm.state() == {}
