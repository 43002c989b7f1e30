"""Faults that are about time: how long they last, how slow and how many at once, and when to come again."""

import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import pytest
import requests

from local.fake_crm.fault_injector import FaultInjector, last_touch
from local.fake_crm.faults import NO_FAULT, Fault
from local.fake_crm.responses import FakeResponse
from tests.local.fake_crm.client import AUTHORIZED, Client, Start


class Clock:
    """A time in seconds that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def met(faults: FaultInjector, user_id: str | None = None) -> bool:
    return faults.pick(user_id) is not NO_FAULT


def test_a_fault_lasts_from_the_first_request_that_it_could_meet() -> None:
    clock = Clock()
    faults = FaultInjector(Fault(status=503, after=1, seconds=10, for_users=("U1",)), clock)
    assert not met(faults, "U1")
    clock.now += 60
    assert not met(faults, "U2")
    clock.now += 60
    assert met(faults, "U1")
    clock.now += 9.9
    assert met(faults, "U1")
    clock.now += 0.2
    assert not met(faults, "U1")
    clock.now -= 5
    assert met(faults, "U1"), "the time is counted from the first one, and that has not moved"
    assert faults.as_json()["hit"] == 3
    faults.switch(Fault(status=503, seconds=10))
    clock.now += 60
    assert met(faults), "switched on again, it starts again"


def test_a_spared_request_starts_the_time_too() -> None:
    clock = Clock()
    faults = FaultInjector(Fault(status=503, fraction=0, seconds=10), clock)
    assert not met(faults)
    clock.now += 11
    assert faults._time_is_up()


def test_down_for_a_time_is_down_for_everybody() -> None:
    clock = Clock()
    faults = FaultInjector(Fault(down=True, after=1, seconds=10, retry_after=3), clock)
    assert faults.closed() is None
    clock.now += 60
    assert not met(faults)
    answer = faults.closed()  # who only asks starts the time as well
    assert answer is not None
    assert (answer.status, answer.headers["Retry-After"]) == (503, "3")
    clock.now += 10
    assert faults.closed() is None
    assert not met(faults)


def test_a_probe_starts_the_time_of_an_outage_only() -> None:
    clock = Clock()
    faults = FaultInjector(Fault(status=503, seconds=10), clock)
    assert faults.closed() is None
    clock.now += 11
    assert met(faults)


@pytest.mark.parametrize("seconds", [0, 90])
def test_retry_after_as_a_date_is_counted_from_the_answers_own(start: Start, seconds: int) -> None:
    crm = start(rate=0.001, burst=1)
    crm.break_it(retry_after_date=seconds)
    assert "Retry-After" not in crm.send().headers
    answer = crm.send()
    assert answer.status_code == 429
    own, later = (parsedate_to_datetime(answer.headers[name]) for name in ("Date", "Retry-After"))
    assert (later - own).total_seconds() == seconds
    assert abs(own.timestamp() - time.time()) < 30
    assert answer.headers["Retry-After"].endswith(" GMT")


def test_the_date_that_a_wait_is_counted_from_is_sent_with_it() -> None:
    answer = last_touch(Fault(status=503, retry_after_date=1), FakeResponse(503, b""))
    assert answer.headers.keys() == {"Date", "Retry-After"}
    assert last_touch(Fault(retry_after_date=1), FakeResponse(200, b"")).headers == {}


def test_the_answer_comes_too_late_for_the_client(crm: Client) -> None:
    crm.break_it(answer_after_ms=800, first=1)
    body = {"user_id": "U1", "engagement_score": "1.00"}
    headers = {**AUTHORIZED, "Idempotency-Key": "k1"}
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{crm.url}/api/v1/update-score", json=body, headers=headers, timeout=0.2)
    assert crm.stats()["in_flight"] == 1, "its answer is still to come"
    assert crm.state() == {"U1": "1.00"}
    began = time.monotonic()
    again = crm.send("U1", "1.00", "k1")
    assert time.monotonic() - began < 0.5
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert crm.stats()["applied"] == 1


def test_slots_make_the_others_wait(crm: Client) -> None:
    crm.break_it(slots=2, latency_ms=150)
    began = time.monotonic()
    with ThreadPoolExecutor(7) as pool:
        answers = [pool.submit(crm.send, f"U{n}", "1.00", f"k{n}") for n in range(6)]
        time.sleep(0.2)
        queued = crm.send("U5", "1.00", "k5")
        assert [answer.result().status_code for answer in answers] == [200] * 6
    assert 0.45 <= time.monotonic() - began < 2, "six updates, two at a time"
    assert queued.status_code == 409, "its key is taken while it queues"


def test_a_late_answer_holds_no_slot(crm: Client) -> None:
    crm.break_it(slots=1, answer_after_ms=400)
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        assert {answer.status_code for answer in pool.map(crm.send, ["U1", "U2", "U3", "U4"])} == {200}
    assert time.monotonic() - began < 1.2


def test_a_rate_of_the_faults_own(crm: Client) -> None:
    crm.break_it(rate=0.01, burst=2, after=1, for_users=["U1"])
    assert [crm.send(user_id).status_code for user_id in ("U1", "U1", "U2", "U1")] == [200] * 4
    refused = crm.send("U1")
    assert (refused.status_code, refused.json()["type"]) == (429, "https://crm.example/problems/rate-limited")
    assert 95 <= int(refused.headers["Retry-After"]) <= 100
    assert crm.send("U2").status_code == 200
    assert crm.stats()["applied"] == 5


def test_the_rate_comes_after_the_token_and_before_the_fields(crm: Client) -> None:
    crm.break_it(rate=0.01)
    assert crm.send(headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert [crm.send("U1", "wrong").status_code for _ in range(2)] == [422, 429]
    crm.break_it(rate=0.01)
    assert crm.send().status_code == 200, "switched on again, the bucket is full"
