"""The token of the update endpoint can be rotated, that of the inspection API cannot."""

import json
from typing import Any

import pytest
import requests

from tests.local.fake_crm.client import TOKEN, Client

NEXT = "the-next-token"
ROTATED = {"Authorization": f"Bearer {NEXT}"}


def test_only_the_new_token_is_accepted(crm: Client) -> None:
    assert crm.request("PUT", "/_crm/token", json={"token": NEXT}).json() == {"rotated": True}
    assert [crm.send().status_code, crm.send(headers=ROTATED).status_code] == [401, 200]
    with_new = requests.get(f"{crm.url}/_crm/state", headers=ROTATED, timeout=10)
    assert with_new.status_code == 401
    assert crm.stats()["statuses"] == {"200": 1, "401": 1}
    crm.request("POST", "/_crm/reset").raise_for_status()
    assert crm.send().status_code == 401, "a reset keeps the new token"
    assert crm.request("DELETE", "/_crm/token").json() == {"rotated": False}
    assert [crm.send().status_code, crm.send(headers=ROTATED).status_code] == [200, 401]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'"the-next-token"', b"{}", b'{"token": ""}', b'{"token": 1}', b'{"token": null}',
        b'{"token": "the-next-token "}', b'{"token": "the-next-token\\n"}', b'{"token": "the-next-token\xc3\xa9"}',
        b'{"the-next-token": "a"}', b'{"token": "the-next-token", "other": 1}',
    ],
)  # fmt: skip
def test_an_invalid_body_is_rejected_and_not_quoted(crm: Client, body: bytes) -> None:
    response = crm.request("PUT", "/_crm/token", data=body)
    assert (response.status_code, response.json()["type"]) == (400, "https://crm.example/problems/invalid-token")
    assert NEXT not in response.text
    assert crm.send().status_code == 200


def test_no_response_and_no_log_contains_a_token(crm: Client, capfd: pytest.CaptureFixture[str]) -> None:
    responses: list[Any] = [crm.request("PUT", "/_crm/token", json={"token": NEXT})]
    responses += [crm.send("U1"), crm.send("U1", headers=ROTATED), crm.send("U1", headers={"Authorization": NEXT})]
    responses.append(crm.request("GET", "/_crm/token"))
    assert [response.status_code for response in responses] == [200, 401, 200, 401, 405]
    responses += [
        crm.request("GET", path) for path in ("/_crm/requests?user_id=U1", "/_crm/stats", "/_crm/faults", "/_crm/state")
    ]
    text = "".join(response.text + json.dumps(dict(response.headers)) for response in responses) + "".join(
        capfd.readouterr()
    )
    assert "U1" in text
    assert NEXT not in text
    assert TOKEN not in text
