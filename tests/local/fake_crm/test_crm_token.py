"""The token of the update endpoint changes while the CRM runs; that of the inspection does not."""

import json
from typing import Any

import pytest
import requests

from tests.local.fake_crm.client import TOKEN, Client

NEXT = "the-next-token"
ROTATED = {"Authorization": f"Bearer {NEXT}"}


def test_only_the_new_token_is_taken_from_then_on(crm: Client) -> None:
    assert crm.ask("PUT", "/_crm/token", json={"token": NEXT}).json() == {"rotated": True}
    assert [crm.send().status_code, crm.send(headers=ROTATED).status_code] == [401, 200]
    with_new = requests.get(f"{crm.url}/_crm/state", headers=ROTATED, timeout=10)
    assert with_new.status_code == 401
    assert crm.stats()["statuses"] == {"200": 1, "401": 1}
    crm.ask("POST", "/_crm/reset").raise_for_status()
    assert crm.send().status_code == 401, "it is not forgotten by a reset"
    assert crm.ask("DELETE", "/_crm/token").json() == {"rotated": False}
    assert [crm.send().status_code, crm.send(headers=ROTATED).status_code] == [200, 401]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'"the-next-token"', b"{}", b'{"token": ""}', b'{"token": 1}', b'{"token": null}',
        b'{"token": "the-next-token "}', b'{"token": "the-next-token\\n"}', b'{"token": "the-next-token\xc3\xa9"}',
        b'{"the-next-token": "a"}', b'{"token": "the-next-token", "other": 1}',
    ],
)  # fmt: skip
def test_a_wrong_body_is_refused_without_repeating_it(crm: Client, body: bytes) -> None:
    answer = crm.ask("PUT", "/_crm/token", data=body)
    assert (answer.status_code, answer.json()["type"]) == (400, "https://crm.example/problems/invalid-token")
    assert NEXT not in answer.text
    assert crm.send().status_code == 200


def test_no_answer_and_no_log_tells_the_token(crm: Client, capfd: pytest.CaptureFixture[str]) -> None:
    told: list[Any] = [crm.ask("PUT", "/_crm/token", json={"token": NEXT})]
    told += [crm.send("U1"), crm.send("U1", headers=ROTATED), crm.send("U1", headers={"Authorization": NEXT})]
    told.append(crm.ask("GET", "/_crm/token"))
    assert [answer.status_code for answer in told] == [200, 401, 200, 401, 405]
    told += [
        crm.ask("GET", path) for path in ("/_crm/requests?user_id=U1", "/_crm/stats", "/_crm/faults", "/_crm/state")
    ]
    text = "".join(answer.text + json.dumps(dict(answer.headers)) for answer in told) + "".join(capfd.readouterr())
    assert "U1" in text
    assert NEXT not in text
    assert TOKEN not in text
