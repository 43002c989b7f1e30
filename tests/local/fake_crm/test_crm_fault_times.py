"""Faults that depend on time: their duration, latency, slots, rates and Retry-After."""

import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import pytest
import requests

from local.fake_crm.fault_injector import FaultInjector, add_retry_after
from local.fake_crm.faults import NO_FAULT, Fault
from local.fake_crm.responses import FakeResponse
from tests.local.fake_crm.client import AUTHORIZED, Client, Start


class Clock:
    """A clock, in seconds, that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def hits(faults: FaultInjector, user_id: str | None = None) -> bool:
    return faults.pick(user_id) is not NO_FAULT


def test_the_first_matching_request_starts_the_time() -> None:
    clock = Clock()
    faults = FaultInjector(Fault(status=503, after=1, seconds=10, for_users=("U1",)), clock)
    assert not hits(faults, "U1")
    clock.now += 60
    assert not hits(faults, "U2")
    clock.now += 60
    assert hits(faults, "U1")
    clock.now += 9.9
    assert hits(faults, "U1")
    clock.now += 0.2
    assert not hits(faults, "U1")
    clock.now -= 5
    assert hits(faults, "U1"), "the time starts at the first request"
    assert faults.as_json()["hit"] == 3
    faults.switch(Fault(status=503, seconds=10))
    clock.now += 60
    assert hits(faults), "switching it on again restarts the time"


def test_a_matching_request_that_is_not_hit_starts_the_time() -> None:
    clock = Clock()
    faults = FaultInjector(Fault(status=503, fraction=0, seconds=10), clock)
    assert not hits(faults)
    clock.now += 11
    assert faults._is_over()


def test_an_outage_of_some_seconds_affects_all_requests() -> None:
    clock = Clock()
    faults = FaultInjector(Fault(down=True, after=1, seconds=10, retry_after=3), clock)
    assert faults.outage_response() is None
    clock.now += 60
    assert not hits(faults)
    response = faults.outage_response()  # a request without an update starts the time as well
    assert response is not None
    assert (response.status, response.headers["Retry-After"]) == (503, "3")
    clock.now += 10
    assert faults.outage_response() is None
    assert not hits(faults)


def test_a_request_without_an_update_starts_only_an_outage() -> None:
    clock = Clock()
    faults = FaultInjector(Fault(status=503, seconds=10), clock)
    assert faults.outage_response() is None
    clock.now += 11
    assert hits(faults)


@pytest.mark.parametrize("seconds", [0, 90])
def test_retry_after_as_a_date_is_relative_to_the_date_header(start: Start, seconds: int) -> None:
    crm = start(rate=0.001, burst=1)
    crm.switch_fault(retry_after_date=seconds)
    assert "Retry-After" not in crm.send().headers
    response = crm.send()
    assert response.status_code == 429
    own, later = (parsedate_to_datetime(response.headers[name]) for name in ("Date", "Retry-After"))
    assert (later - own).total_seconds() == seconds
    assert abs(own.timestamp() - time.time()) < 30
    assert response.headers["Retry-After"].endswith(" GMT")


def test_retry_after_as_a_date_comes_with_a_date_header() -> None:
    response = add_retry_after(Fault(status=503, retry_after_date=1), FakeResponse(503, b""))
    assert response.headers.keys() == {"Date", "Retry-After"}
    assert add_retry_after(Fault(retry_after_date=1), FakeResponse(200, b"")).headers == {}


def test_a_late_response_is_applied_and_replayed(crm: Client) -> None:
    crm.switch_fault(answer_after_ms=800, first=1)
    body = {"user_id": "U1", "engagement_score": "1.00"}
    headers = {**AUTHORIZED, "Idempotency-Key": "k1"}
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{crm.url}/api/v1/update-score", json=body, headers=headers, timeout=0.2)
    assert crm.stats()["in_flight"] == 1, "the response is not sent yet"
    assert crm.state() == {"U1": "1.00"}
    started_at = time.monotonic()
    again = crm.send("U1", "1.00", "k1")
    assert time.monotonic() - started_at < 0.5
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert crm.stats()["applied"] == 1


def test_updates_wait_for_a_free_slot(crm: Client) -> None:
    crm.switch_fault(slots=2, latency_ms=150)
    started_at = time.monotonic()
    with ThreadPoolExecutor(7) as pool:
        responses = [pool.submit(crm.send, f"U{n}", "1.00", f"k{n}") for n in range(6)]
        time.sleep(0.2)
        queued = crm.send("U5", "1.00", "k5")
        assert [response.result().status_code for response in responses] == [200] * 6
    assert 0.45 <= time.monotonic() - started_at < 2, "six updates, two at a time"
    assert queued.status_code == 409, "its key is reserved while it waits"


def test_a_late_response_takes_no_slot(crm: Client) -> None:
    crm.switch_fault(slots=1, answer_after_ms=400)
    started_at = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        assert {response.status_code for response in pool.map(crm.send, ["U1", "U2", "U3", "U4"])} == {200}
    assert time.monotonic() - started_at < 1.2


def test_a_fault_has_its_own_rate_limit(crm: Client) -> None:
    crm.switch_fault(rate=0.01, burst=2, after=1, for_users=["U1"])
    assert [crm.send(user_id).status_code for user_id in ("U1", "U1", "U2", "U1")] == [200] * 4
    refused = crm.send("U1")
    assert (refused.status_code, refused.json()["type"]) == (429, "https://crm.example/problems/rate-limited")
    assert 95 <= int(refused.headers["Retry-After"]) <= 100
    assert crm.send("U2").status_code == 200
    assert crm.stats()["applied"] == 5


def test_the_rate_is_checked_after_the_token_before_fields(crm: Client) -> None:
    crm.switch_fault(rate=0.01)
    assert crm.send(headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert [crm.send("U1", "wrong").status_code for _ in range(2)] == [422, 429]
    crm.switch_fault(rate=0.01)
    assert crm.send().status_code == 200, "switching it on again fills the bucket"
