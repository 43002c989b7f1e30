"""Each fault affects the requests that match it, and no others."""

import time
from typing import Any

import pytest
import requests

from local.fake_crm.fault_injector import FaultInjector
from local.fake_crm.faults import NO_FAULT, Fault
from tests.local.fake_crm.client import Client, Start


def test_the_same_seed_picks_the_same_requests() -> None:
    def chosen(seed: int) -> list[bool]:
        faults = FaultInjector(Fault(status=503, fraction=0.3, seed=seed))
        return [faults.pick(None) is not NO_FAULT for _ in range(200)]

    assert chosen(1) == chosen(1)
    assert chosen(1) != chosen(2)


def test_after_first_and_users_limit_a_fault(crm: Client) -> None:
    crm.switch_fault(status=500, after=2, first=3)
    assert [crm.send(f"U{n}").status_code for n in range(8)] == [200, 200, 500, 500, 500, 200, 200, 200]
    crm.switch_fault(status=500, for_users=["U1"])
    assert [crm.send(user_id).status_code for user_id in ("U0", "U1", "U2", "U1")] == [200, 500, 200, 500]
    assert crm.request("GET", "/_crm/faults").json()["matched"] == 2


def test_a_fault_can_be_switched_off(crm: Client) -> None:
    crm.switch_fault(down=True)
    assert crm.send().status_code == 503
    assert crm.request("DELETE", "/_crm/faults").json() == {"faults": None, "matched": 0, "hit": 0}
    assert crm.send().status_code == 200


def test_an_outage_spares_only_the_inspection_api(crm: Client) -> None:
    crm.switch_fault(down=True, retry_after=7)
    responses = [
        crm.send(),
        crm.send(headers={"Authorization": "Bearer wrong"}),
        crm.request("GET", "/api/v1/update-score"),
    ]
    assert [(one.status_code, one.headers["Retry-After"]) for one in responses] == [(503, "7")] * 3
    assert crm.stats()["statuses"] == {"503": 2}
    crm.switch_fault(down=True, after=1)
    assert crm.request("GET", "/api/v1/update-score").status_code == 405
    assert [crm.send().status_code for _ in range(2)] == [200, 503]
    assert crm.request("GET", "/api/v1/update-score").status_code == 503


def test_a_revoked_token_is_rejected(crm: Client) -> None:
    crm.switch_fault(revoked=True, after=1)
    responses = [crm.send("U1"), crm.send("U2")]
    assert [response.status_code for response in responses] == [200, 401]
    assert "invalid_token" in responses[1].headers["WWW-Authenticate"]
    assert crm.state() == {"U1": "73.25"}


def test_a_connection_is_reset_before_applying(crm: Client) -> None:
    crm.switch_fault(drop_before=True, first=1)
    with pytest.raises(requests.ConnectionError, match="reset"):
        crm.send("U1", "1.00", "k1")
    assert crm.state() == {}
    again = crm.send("U1", "1.00", "k1")
    assert again.status_code == 200
    assert "Idempotent-Replayed" not in again.headers
    assert crm.stats()["dropped"] == 1


def test_a_connection_is_reset_after_applying(crm: Client) -> None:
    crm.switch_fault(drop_after=True, first=1)
    with pytest.raises(requests.ConnectionError, match="reset"):
        crm.send("U1", "1.00", "k1")
    assert crm.state() == {"U1": "1.00"}
    assert crm.send("U1", "1.00", "k1").headers["Idempotent-Replayed"] == "true"
    assert crm.stats()["applied"] == 1
    first = crm.request("GET", "/_crm/requests?user_id=U1").json()[0]
    assert (first["status"], first["answer"]) == (None, None)


def test_latency_applies_to_matching_users(crm: Client) -> None:
    crm.switch_fault(latency_ms=300, for_users=["U2"])
    took = {}
    for user_id in ("U1", "U2"):
        started_at = time.monotonic()
        assert crm.send(user_id).status_code == 200
        took[user_id] = time.monotonic() - started_at
    assert took["U1"] < 0.3 <= took["U2"]


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ({"success": False}, "application/json", '{"success": false}'),
        ("<html>Sign in</html>", "text/plain; charset=utf-8", "<html>Sign in</html>"),
        ("", "text/plain; charset=utf-8", ""),
    ],
)
def test_a_fault_replaces_the_body(crm: Client, body: Any, content_type: str, text: str) -> None:
    crm.switch_fault(body=body)
    response = crm.send()
    assert (response.status_code, response.headers["Content-Type"], response.text) == (200, content_type, text)
    assert crm.state() == {}


def test_an_applied_update_can_get_a_failure(crm: Client) -> None:
    crm.switch_fault(status=500, after_applying=True)
    assert [crm.send("U1", "1.00", "k1").status_code for _ in range(2)] == [500, 500]
    assert crm.state() == {"U1": "1.00"}
    assert crm.stats()["applied"] == 1


def test_a_stored_failure_is_replayed_after_the_fault(crm: Client) -> None:
    crm.switch_fault(status=500, stored=True, first=1)
    responses = [crm.send("U1", "1.00", "k1") for _ in range(3)]
    assert [response.status_code for response in responses] == [500, 500, 500]
    assert [response.headers.get("Idempotent-Replayed") for response in responses] == [None, "true", "true"]
    assert crm.send("U1", "1.00", "k2").status_code == 200


@pytest.mark.parametrize("value", [3, "Wed, 21 Oct 2026 07:28:00 GMT", "soon", "-1"])
def test_retry_after_is_sent_verbatim(start: Start, value: int | str) -> None:
    crm = start(rate=0.001, burst=1)
    crm.switch_fault(retry_after=value)
    responses = [crm.send(), crm.send()]
    assert [response.status_code for response in responses] == [200, 429]
    assert [response.headers.get("Retry-After") for response in responses] == [None, str(value)]
