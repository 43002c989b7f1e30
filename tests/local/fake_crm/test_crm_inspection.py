"""What the CRM tells about itself agrees with what was sent."""

import json
import threading
import time

import pytest
import requests

from local.fake_crm.token_bucket import TokenBucket
from tests.local.fake_crm.client import TOKEN, Client, Start


def test_counts(crm: Client) -> None:
    before = int(time.time())
    for n in range(5):
        crm.send(f"U{n}", "1.00", f"k{n}")
    crm.send("U0", "2.00", "k9")
    crm.send("U9", "wrong", "k10")
    stats = crm.stats()
    assert (stats["requests"], stats["applied"], stats["users"], stats["keys"]) == (7, 6, 5, 7)
    assert stats["statuses"] == {"200": 6, "422": 1}
    assert stats["duplicates"] == {
        "requests_per_user": 1,
        "requests_per_key": 0,
        "applied_per_user": 1,
        "applied_per_key": 0,
    }
    assert sum(stats["seconds"].values()) == 7
    assert all(before <= int(second) <= time.time() for second in stats["seconds"])
    assert stats["peak_in_one_second"] >= max(stats["seconds"].values())
    assert stats["first_at"] <= stats["last_at"]
    assert stats["first_at"].endswith("Z")
    assert (stats["in_flight"], stats["in_flight_peak"], stats["dropped"]) == (0, 1, 0)


def test_the_counts_need_no_token_and_name_no_user_key_or_score(crm: Client) -> None:
    crm.send("a-user", "73.25", "a-key")
    answer = requests.get(f"{crm.url}/_crm/stats", timeout=10)
    assert (answer.status_code, answer.json()["requests"], answer.json()["users"]) == (200, 1, 1)
    assert not [text for text in ("a-user", "73.25", "a-key", TOKEN) if text in answer.text]


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", f"Basic {TOKEN}"])
@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("GET", "state"), ("GET", "requests?user_id=U1"), ("GET", "faults"), ("PUT", "faults"), ("DELETE", "faults"),
        ("PUT", "token"), ("DELETE", "token"), ("POST", "reset"), ("POST", "stats"), ("GET", "nothing"),
    ],
)  # fmt: skip
def test_all_else_needs_the_token(crm: Client, method: str, name: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    assert requests.request(method, f"{crm.url}/_crm/{name}", headers=headers, timeout=10).status_code == 401


def test_connections_are_counted(crm: Client) -> None:
    for _ in range(3):
        with requests.Session() as session:
            session.get(f"{crm.url}/", timeout=10)
    # Three that have ended, and the one that asks.
    stats = crm.stats()
    assert stats["connections_opened"] == 4
    assert stats["connections_peak"] < 4


def test_the_state_is_the_last_accepted_score_of_each_user(crm: Client) -> None:
    assert crm.state() == {}
    for user_id, score in (("U1", "1.00"), ("U2", "2.00"), ("U1", "3.00"), ("U3", "wrong")):
        crm.send(user_id, score)
    assert crm.state() == {"U1": "3.00", "U2": "2.00"}


def test_what_was_received_for_one_user(crm: Client) -> None:
    token = "a-wrong-token"
    crm.send("U1", "1.00", "k1", headers={"User-Agent": "engagement-push/1"})
    crm.send("U11", "5.00", "k2")
    crm.send("U1", "1.00", "k1")
    crm.send("U1", "1.00", "k3", headers={"Authorization": f"Bearer {token}"})
    crm.send("U1", "wrong", "k4")
    answer = crm.ask("GET", "/_crm/requests?user_id=U1")
    received = answer.json()
    assert [(one["status"], one["idempotency_key"], one["replayed"]) for one in received] == [
        (200, "k1", False),
        (200, "k1", True),
        (401, "k3", False),
        (422, "k4", False),
    ]
    first = received[0]
    assert json.loads(first["body"]) == {"user_id": "U1", "engagement_score": "1.00"}
    assert first["user_agent"] == "engagement-push/1"
    assert (first["content_type"], first["authorization_scheme"]) == ("application/json", "Bearer")
    assert json.loads(first["answer"]) == {"status": "updated", "user_id": "U1"}
    assert abs(first["at"] - time.time()) < 60
    assert TOKEN not in answer.text
    assert token not in answer.text


def test_a_body_cannot_pretend_to_be_another_record(crm: Client) -> None:
    crm.send('U2"]\n["U1",', "1.00")
    assert crm.ask("GET", "/_crm/requests?user_id=U1").json() == []
    assert crm.ask("GET", "/_crm/requests").status_code == 400


def test_reset_forgets(crm: Client) -> None:
    crm.send("U1", "1.00", "k1")
    crm.break_it(latency_ms=1)
    crm.ask("POST", "/_crm/reset").raise_for_status()
    assert crm.state() == {}
    assert crm.ask("GET", "/_crm/requests?user_id=U1").json() == []
    stats = crm.stats()
    assert [stats[name] for name in ("requests", "applied", "keys", "statuses", "first_at")] == [0, 0, 0, {}, None]
    assert crm.ask("GET", "/_crm/faults").json()["faults"]["latency_ms"] == 1
    assert "Idempotent-Replayed" not in crm.send("U1", "1.00", "k1").headers
    assert len(crm.ask("GET", "/_crm/requests?user_id=U1").json()) == 1


@pytest.mark.parametrize(("path", "allow"), [("stats", "GET"), ("faults", "GET, PUT, DELETE"), ("reset", "POST")])
def test_wrong_method(crm: Client, path: str, allow: str) -> None:
    answer = crm.ask("PATCH", f"/_crm/{path}")
    assert (answer.status_code, answer.headers["Allow"]) == (405, allow)


def test_the_rate_limit_holds_and_names_the_wait(start: Start) -> None:
    crm = start(rate=20, burst=5)
    began = time.monotonic()
    answers = [crm.send(f"U{n}", "1.00") for n in range(40)]
    most = 5 + 20 * (time.monotonic() - began) + 1
    passed = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 5 <= len(passed) <= most
    assert len(passed) + len(refused) == 40
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert crm.stats()["applied"] == len(passed)


def test_the_bucket_fills_at_its_rate() -> None:
    now = 100.0
    bucket = TokenBucket(rate=0.25, burst=2, clock=lambda: now)
    assert [bucket.take() for _ in range(3)] == [0, 0, 4]
    now += 3.9
    assert bucket.take() == 1
    now += 0.1
    assert [bucket.take(), bucket.take()] == [0, 4]
    now += 1_000
    assert [bucket.take() for _ in range(3)] == [0, 0, 4]


def test_latency_is_waited_and_does_not_stand_in_the_way(start: Start) -> None:
    crm = start(latency_ms=300, latency_jitter_ms=50)
    began = time.monotonic()
    threads = [threading.Thread(target=crm.send, args=[f"U{n}"]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert 0.3 <= time.monotonic() - began < 1.5
    assert crm.stats()["in_flight_peak"] == 6
