"""The inspection API agrees with what was sent."""

import json
import threading
import time

import pytest
import requests

from local.fake_crm.token_bucket import TokenBucket
from tests.local.fake_crm.client import TOKEN, Client, Start


def test_stats_count_requests_and_updates(crm: Client) -> None:
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


def test_stats_need_no_token_and_contain_no_user_data(crm: Client) -> None:
    crm.send("a-user", "73.25", "a-key")
    response = requests.get(f"{crm.url}/_crm/stats", timeout=10)
    assert (response.status_code, response.json()["requests"], response.json()["users"]) == (200, 1, 1)
    assert not [text for text in ("a-user", "73.25", "a-key", TOKEN) if text in response.text]


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", f"Basic {TOKEN}"])
@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("GET", "state"), ("GET", "requests?user_id=U1"), ("GET", "faults"), ("PUT", "faults"), ("DELETE", "faults"),
        ("PUT", "token"), ("DELETE", "token"), ("POST", "reset"), ("POST", "stats"), ("GET", "nothing"),
    ],
)  # fmt: skip
def test_everything_else_needs_the_token(crm: Client, method: str, name: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    assert requests.request(method, f"{crm.url}/_crm/{name}", headers=headers, timeout=10).status_code == 401


def test_connections_are_counted(crm: Client) -> None:
    for _ in range(3):
        with requests.Session() as session:
            session.get(f"{crm.url}/", timeout=10)
    # Three closed connections, and the one of this request.
    stats = crm.stats()
    assert stats["connections_opened"] == 4
    assert stats["connections_peak"] < 4


def test_the_state_has_the_last_accepted_score_of_each_user(crm: Client) -> None:
    assert crm.state() == {}
    for user_id, score in (("U1", "1.00"), ("U2", "2.00"), ("U1", "3.00"), ("U3", "wrong")):
        crm.send(user_id, score)
    assert crm.state() == {"U1": "3.00", "U2": "2.00"}


def test_requests_of_one_user_are_returned(crm: Client) -> None:
    token = "a-wrong-token"
    crm.send("U1", "1.00", "k1", headers={"User-Agent": "engagement-push/1"})
    crm.send("U11", "5.00", "k2")
    crm.send("U1", "1.00", "k1")
    crm.send("U1", "1.00", "k3", headers={"Authorization": f"Bearer {token}"})
    crm.send("U1", "wrong", "k4")
    response = crm.request("GET", "/_crm/requests?user_id=U1")
    received = response.json()
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
    assert TOKEN not in response.text
    assert token not in response.text


def test_a_body_cannot_forge_a_log_entry(crm: Client) -> None:
    crm.send('U2"]\n["U1",', "1.00")
    assert crm.request("GET", "/_crm/requests?user_id=U1").json() == []
    assert crm.request("GET", "/_crm/requests").status_code == 400


def test_a_reset_removes_all_but_fault_and_token(crm: Client) -> None:
    crm.send("U1", "1.00", "k1")
    crm.switch_fault(latency_ms=1)
    crm.request("POST", "/_crm/reset").raise_for_status()
    assert crm.state() == {}
    assert crm.request("GET", "/_crm/requests?user_id=U1").json() == []
    stats = crm.stats()
    assert [stats[name] for name in ("requests", "applied", "keys", "statuses", "first_at")] == [0, 0, 0, {}, None]
    assert crm.request("GET", "/_crm/faults").json()["faults"]["latency_ms"] == 1
    assert "Idempotent-Replayed" not in crm.send("U1", "1.00", "k1").headers
    assert len(crm.request("GET", "/_crm/requests?user_id=U1").json()) == 1


@pytest.mark.parametrize(("path", "allow"), [("stats", "GET"), ("faults", "GET, PUT, DELETE"), ("reset", "POST")])
def test_other_methods_are_rejected(crm: Client, path: str, allow: str) -> None:
    response = crm.request("PATCH", f"/_crm/{path}")
    assert (response.status_code, response.headers["Allow"]) == (405, allow)


def test_the_rate_limit_holds_and_sends_retry_after(start: Start) -> None:
    crm = start(rate=20, burst=5)
    started_at = time.monotonic()
    responses = [crm.send(f"U{n}", "1.00") for n in range(40)]
    limit = 5 + 20 * (time.monotonic() - started_at) + 1
    passed = [response for response in responses if response.status_code == 200]
    refused = [response for response in responses if response.status_code == 429]
    assert 5 <= len(passed) <= limit
    assert len(passed) + len(refused) == 40
    assert {response.headers["Retry-After"] for response in refused} == {"1"}
    assert crm.stats()["applied"] == len(passed)


def test_the_token_bucket_fills_at_its_rate() -> None:
    now = 100.0
    bucket = TokenBucket(rate=0.25, burst=2, clock=lambda: now)
    assert [bucket.take() for _ in range(3)] == [0, 0, 4]
    now += 3.9
    assert bucket.take() == 1
    now += 0.1
    assert [bucket.take(), bucket.take()] == [0, 4]
    now += 1_000
    assert [bucket.take() for _ in range(3)] == [0, 0, 4]


def test_latency_does_not_delay_other_requests(start: Start) -> None:
    crm = start(latency_ms=300, latency_jitter_ms=50)
    started_at = time.monotonic()
    threads = [threading.Thread(target=crm.send, args=[f"U{n}"]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert 0.3 <= time.monotonic() - started_at < 1.5
    assert crm.stats()["in_flight_peak"] == 6
