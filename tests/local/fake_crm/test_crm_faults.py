"""Each fault does what it says to the requests it is meant for, and to no others."""

import time
from typing import Any

import pytest
import requests

from local.fake_crm.fault_injector import FaultInjector
from local.fake_crm.faults import NO_FAULT, Fault
from tests.local.fake_crm.client import Client, Start


def test_the_choice_is_the_same_for_the_same_seed() -> None:
    def chosen(seed: int) -> list[bool]:
        faults = FaultInjector(Fault(status=503, fraction=0.3, seed=seed))
        return [faults.pick(None) is not NO_FAULT for _ in range(200)]

    assert chosen(1) == chosen(1)
    assert chosen(1) != chosen(2)


def test_bounds(crm: Client) -> None:
    crm.break_it(status=500, after=2, first=3)
    assert [crm.send(f"U{n}").status_code for n in range(8)] == [200, 200, 500, 500, 500, 200, 200, 200]
    crm.break_it(status=500, for_users=["U1"])
    assert [crm.send(user_id).status_code for user_id in ("U0", "U1", "U2", "U1")] == [200, 500, 200, 500]
    assert crm.ask("GET", "/_crm/faults").json()["matched"] == 2


def test_switching_off(crm: Client) -> None:
    crm.break_it(down=True)
    assert crm.send().status_code == 503
    assert crm.ask("DELETE", "/_crm/faults").json() == {"faults": None, "matched": 0, "hit": 0}
    assert crm.send().status_code == 200


def test_down_is_down_for_everyone_but_the_inspector(crm: Client) -> None:
    crm.break_it(down=True, retry_after=7)
    answers = [crm.send(), crm.send(headers={"Authorization": "Bearer wrong"}), crm.ask("GET", "/api/v1/update-score")]
    assert [(one.status_code, one.headers["Retry-After"]) for one in answers] == [(503, "7")] * 3
    assert crm.stats()["statuses"] == {"503": 2}
    crm.break_it(down=True, after=1)
    assert crm.ask("GET", "/api/v1/update-score").status_code == 405
    assert [crm.send().status_code for _ in range(2)] == [200, 503]
    assert crm.ask("GET", "/api/v1/update-score").status_code == 503


def test_a_revoked_token(crm: Client) -> None:
    crm.break_it(revoked=True, after=1)
    answers = [crm.send("U1"), crm.send("U2")]
    assert [answer.status_code for answer in answers] == [200, 401]
    assert "invalid_token" in answers[1].headers["WWW-Authenticate"]
    assert crm.state() == {"U1": "73.25"}


def test_dropped_before_it_is_applied(crm: Client) -> None:
    crm.break_it(drop_before=True, first=1)
    with pytest.raises(requests.ConnectionError, match="reset"):
        crm.send("U1", "1.00", "k1")
    assert crm.state() == {}
    again = crm.send("U1", "1.00", "k1")
    assert again.status_code == 200
    assert "Idempotent-Replayed" not in again.headers
    assert crm.stats()["dropped"] == 1


def test_dropped_after_it_was_applied(crm: Client) -> None:
    crm.break_it(drop_after=True, first=1)
    with pytest.raises(requests.ConnectionError, match="reset"):
        crm.send("U1", "1.00", "k1")
    assert crm.state() == {"U1": "1.00"}
    assert crm.send("U1", "1.00", "k1").headers["Idempotent-Replayed"] == "true"
    assert crm.stats()["applied"] == 1
    first = crm.ask("GET", "/_crm/requests?user_id=U1").json()[0]
    assert (first["status"], first["answer"]) == (None, None)


def test_latency_for_some(crm: Client) -> None:
    crm.break_it(latency_ms=300, for_users=["U2"])
    took = {}
    for user_id in ("U1", "U2"):
        began = time.monotonic()
        assert crm.send(user_id).status_code == 200
        took[user_id] = time.monotonic() - began
    assert took["U1"] < 0.3 <= took["U2"]


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ({"success": False}, "application/json", '{"success": false}'),
        ("<html>Sign in</html>", "text/plain; charset=utf-8", "<html>Sign in</html>"),
        ("", "text/plain; charset=utf-8", ""),
    ],
)
def test_a_body_of_its_own(crm: Client, body: Any, content_type: str, text: str) -> None:
    crm.break_it(body=body)
    answer = crm.send()
    assert (answer.status_code, answer.headers["Content-Type"], answer.text) == (200, content_type, text)
    assert crm.state() == {}


def test_applied_and_yet_answered_as_a_failure(crm: Client) -> None:
    crm.break_it(status=500, after_applying=True)
    assert [crm.send("U1", "1.00", "k1").status_code for _ in range(2)] == [500, 500]
    assert crm.state() == {"U1": "1.00"}
    assert crm.stats()["applied"] == 1


def test_a_stored_failure_outlives_its_fault(crm: Client) -> None:
    crm.break_it(status=500, stored=True, first=1)
    answers = [crm.send("U1", "1.00", "k1") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 500, 500]
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, "true", "true"]
    assert crm.send("U1", "1.00", "k2").status_code == 200


@pytest.mark.parametrize("value", [3, "Wed, 21 Oct 2026 07:28:00 GMT", "soon", "-1"])
def test_retry_after_is_sent_verbatim(start: Start, value: int | str) -> None:
    crm = start(rate=0.001, burst=1)
    crm.break_it(retry_after=value)
    answers = [crm.send(), crm.send()]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert [answer.headers.get("Retry-After") for answer in answers] == [None, str(value)]
