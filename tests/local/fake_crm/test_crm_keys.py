"""Idempotency keys: an update is applied once and gets the same response, even for concurrent requests."""

import time
from concurrent.futures import ThreadPoolExecutor

from local.fake_crm.idempotency_store import IdempotencyStore
from local.fake_crm.request_checks import Payload
from local.fake_crm.responses import FakeResponse
from tests.local.fake_crm.client import Client, Start

FRESH = FakeResponse(200, b"fresh")
ONE, OTHER = Payload("U1", "1.00"), Payload("U1", "2.00")


def test_a_repeated_request_gets_the_stored_response(crm: Client) -> None:
    first, second = crm.send("U1", "1.00", "k1"), crm.send("U1", "1.00", "k1")
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert (first.status_code, first.content) == (second.status_code, second.content)
    stats = crm.stats()
    assert (stats["requests"], stats["applied"], stats["replayed"]) == (2, 1, 1)
    assert stats["duplicates"] == {
        "requests_per_user": 1,
        "requests_per_key": 1,
        "applied_per_user": 0,
        "applied_per_key": 0,
    }


def test_an_old_key_does_not_restore_an_old_score(crm: Client) -> None:
    for score, key in (("1.00", "k1"), ("2.00", "k2"), ("1.00", "k1")):
        assert crm.send("U1", score, key).status_code == 200
    assert crm.state() == {"U1": "2.00"}


def test_a_key_with_another_payload_is_rejected(crm: Client) -> None:
    crm.send("U1", "1.00", "k1")
    for user_id, score in (("U1", "2.00"), ("U2", "1.00")):
        response = crm.send(user_id, score, "k1")
        assert response.status_code == 422
        assert response.json()["type"].endswith("/idempotency-key-reused")
    assert crm.state() == {"U1": "1.00"}


def test_without_a_key_every_request_is_applied(crm: Client) -> None:
    crm.send("U1", "1.00")
    crm.send("U1", "1.00")
    assert crm.stats()["duplicates"]["applied_per_user"] == 1
    assert crm.stats()["replayed"] == 0


def test_a_rejected_request_does_not_use_the_key(crm: Client) -> None:
    assert crm.send("U1", "wrong", "k1").status_code == 422
    assert crm.send("U1", "1.00", "k1").status_code == 200


def test_a_key_in_use_gets_409_or_422(start: Start) -> None:
    crm = start(latency_ms=900)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(crm.send, "U1", "1.00", "k1")
        deadline = time.monotonic() + 5
        while not crm.stats()["in_flight"] and time.monotonic() < deadline:
            time.sleep(0.01)
        same, other = crm.send("U1", "1.00", "k1"), crm.send("U1", "2.00", "k1")
        assert (same.status_code, other.status_code) == (409, 422)
        assert same.json()["type"].endswith("/request-in-progress")
        assert first.result().status_code == 200
    assert crm.send("U1", "1.00", "k1").headers["Idempotent-Replayed"] == "true"
    assert crm.stats()["applied"] == 1


def test_concurrent_requests_are_applied_once_per_key(start: Start) -> None:
    crm = start(latency_ms=5)
    with ThreadPoolExecutor(8) as pool:
        keys = [f"k{n % 40}" for n in range(200)]
        responses = list(pool.map(lambda key: crm.send(f"U-{key}", "1.00", key).status_code, keys))
    assert set(responses) <= {200, 409}
    stats = crm.stats()
    assert (stats["applied"], stats["users"], stats["keys"]) == (40, 40, 40)
    assert stats["duplicates"]["requests_per_key"] == 160
    assert stats["duplicates"]["applied_per_key"] == 0
    assert 1 < stats["in_flight_peak"] <= 8
    assert 1 < stats["connections_peak"] <= 11


def test_a_counted_key_can_be_reserved_once() -> None:
    keys = IdempotencyStore()
    for _ in range(2):
        keys.count_request("k1")
    assert keys.begin("k1", ONE, FRESH) is None
    concurrent = [keys.begin("k1", payload, FRESH) for payload in (ONE, OTHER)]
    assert [response and response.status for response in concurrent] == [409, 422]
    keys.release("k1")
    assert (keys.distinct, keys.requests_beyond_first) == (1, 1)


def test_a_key_that_is_applied_twice_is_counted() -> None:
    keys = IdempotencyStore()
    keys.mark_applied("k1", ONE)
    assert keys.applied_twice == 0
    keys.mark_applied("k1", ONE)
    assert keys.applied_twice == 1
