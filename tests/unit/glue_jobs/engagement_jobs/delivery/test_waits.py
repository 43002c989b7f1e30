"""Waits that the CRM requests, counted at the CRM."""

from __future__ import annotations

import itertools
import logging
import time
from typing import Any

import pytest

from engagement_jobs.delivery.limits.canary import Canary
from local.fake_crm.faults import Fault
from tests.support.delivery_harness import DeliveryHarness, delivery_harness, score_updates


class Arrivals:
    """When requests arrive at the CRM of a harness, in epoch seconds.

    :param harness: its CRM has received no request yet
    """

    def __init__(self, harness: DeliveryHarness, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times: list[float] = []
        add = harness.crm.request_log.add

        def record(user_id: str | None, **members: Any) -> None:
            self.times.append(members["at"])
            add(user_id, **members)

        monkeypatch.setattr(harness.crm.request_log, "add", record)

    @property
    def longest_gap(self) -> float:
        """The longest time in seconds without an arrival."""
        times = sorted(self.times)
        return max(later - earlier for earlier, later in itertools.pairwise(times))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408, 409, 425, 403, 420, 404])
def test_a_wait_on_any_status_holds_for_all_requests(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = delivery_harness(Fault(status=status, retry_after="1.5", after=100, first=1), latency_ms=2)
    arrivals = Arrivals(harness, monkeypatch)
    dispatcher = harness.deliver(score_updates(300))

    assert dispatcher.stop_reason is None
    assert dispatcher.counters.outcomes == {"delivered": 300}
    assert 1.45 <= arrivals.longest_gap < 4
    # Of the requests in flight, none was lost, and nothing but the one request was repeated.
    assert harness.requests == 301


def test_a_wait_on_a_success_holds_for_all_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = Fault(status=200, body={}, after_applying=True, headers={"Retry-After": "1.5"}, after=100, first=1)
    harness = delivery_harness(fault, latency_ms=2)
    arrivals = Arrivals(harness, monkeypatch)
    dispatcher = harness.deliver(score_updates(300))

    assert dispatcher.counters.outcomes == {"delivered": 300}
    assert harness.requests == 300
    assert 1.45 <= arrivals.longest_gap < 4


@pytest.mark.parametrize("value", ["31536000", "2208988800", "Sun, 01 Jan 2040 00:00:00 GMT"])
def test_a_wait_is_shortened_to_the_cap(
    value: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "engagement")
    harness = delivery_harness(Fault(status=429, retry_after=value, after=50, first=1))
    arrivals = Arrivals(harness, monkeypatch)
    dispatcher = harness.deliver(score_updates(100), max_retry_after=1.2)

    assert dispatcher.counters.outcomes == {"delivered": 100}
    assert f"({value!r}); shortened to 1 s (max_retry_after_seconds)" in caplog.text
    assert 1.15 <= arrivals.longest_gap < 4


@pytest.mark.parametrize(
    ("wait", "seconds", "requests"),
    [("1", 3, 4), (None, 1, 2), ("0.2", 3, 16)],
)
def test_nothing_but_pushback_stops_the_run(wait: str | None, seconds: int, requests: int) -> None:
    harness = delivery_harness(Fault(status=429, retry_after=wait), latency_ms=2)
    started = time.monotonic()
    dispatcher = harness.deliver(score_updates(2000), unavailable_timeout=3, max_concurrency=1)

    assert dispatcher.counters.outcomes == {"deferred": 2000}
    assert dispatcher.stop_reason is not None
    assert dispatcher.stop_reason.cause == "throttled"
    assert dispatcher.stop_reason.detail.startswith(f"The CRM throttled all requests for {seconds} s (last: http_429).")
    assert dispatcher.stop_reason.not_before is not None
    assert seconds <= time.monotonic() - started < seconds + 5
    assert harness.requests <= requests


def test_a_wait_longer_than_the_timeout_does_not_stop_the_run() -> None:
    harness = delivery_harness(Fault(status=429, retry_after=3, after=50, first=3))
    dispatcher = harness.deliver(score_updates(100), unavailable_timeout=1, max_concurrency=4)

    assert dispatcher.stop_reason is None
    assert dispatcher.counters.outcomes == {"delivered": 100}


@pytest.mark.parametrize("wait", [None, "1"])
@pytest.mark.parametrize("users", [("U000000",), ("U000007", "U000900", "U001500")])
def test_users_throttled_alone_do_not_stop_the_others(users: tuple[str, ...], wait: str | None) -> None:
    harness = delivery_harness(Fault(status=429, retry_after=wait, for_users=users))
    started = time.monotonic()
    dispatcher = harness.deliver(score_updates(2000), max_concurrency=8)

    assert dispatcher.stop_reason is None
    assert dispatcher.counters.outcomes == {"delivered": 2000 - len(users), "deferred": len(users)}
    assert time.monotonic() - started < 50


def _users(places: range) -> tuple[str, ...]:
    return tuple(f"U{place:06d}" for place in places)


@pytest.mark.parametrize(
    "users", [_users(range(200, 205)), _users(range(200, 400, 20)), _users(range(200, 220)), _users(range(5, 2000, 10))]
)
def test_many_users_throttled_alone_slow_no_one(users: tuple[str, ...]) -> None:
    harness = delivery_harness(Fault(status=423, for_users=users))
    started = time.monotonic()
    dispatcher = harness.deliver(score_updates(2000), max_concurrency=8, unavailable_timeout=600)

    assert dispatcher.stop_reason is None
    assert dispatcher.counters.outcomes == {"delivered": 2000 - len(users), "deferred": len(users)}
    assert harness.requests <= 2000 + 6 * len(users)
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "30"}, {"RateLimit": '"daily";r=0;t=7200'}])
def test_a_stored_429_makes_no_one_wait(headers: dict[str, str]) -> None:
    users = _users(range(200, 203))
    harness = delivery_harness(
        Fault(status=429, headers={"Idempotent-Replayed": "true", **headers}, for_users=users, first=6)
    )
    started = time.monotonic()
    dispatcher = harness.deliver(score_updates(1000), max_concurrency=8, max_attempts=6)

    assert dispatcher.counters.outcomes == {"delivered": 1000}
    assert harness.requests == 1006
    assert time.monotonic() - started < 25


def test_an_outage_with_waits_costs_few_requests() -> None:
    harness = delivery_harness(Fault(status=503, retry_after=1), latency_ms=2)
    dispatcher = harness.deliver(score_updates(10_000), unavailable_timeout=3)

    assert dispatcher.counters.outcomes == {"deferred": 10_000}
    assert harness.requests < 300


def test_a_wait_of_the_canary_holds_for_the_tasks_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = Fault(status=200, body={}, after_applying=True, headers={"Retry-After": "2"}, after=110, first=1)
    canary, updates = Canary(), score_updates(200)
    delivery_harness(fault).deliver(updates[:111], canary)
    assert canary.passed
    assert canary.not_before > time.time()
    harness = delivery_harness()
    arrivals = Arrivals(harness, monkeypatch)
    harness.deliver(updates[111:], not_before=canary.not_before)

    assert len(arrivals.times) == 89
    assert min(arrivals.times) >= canary.not_before - 0.01


@pytest.mark.parametrize("headers", [{"Retry-After": "7200"}, {"RateLimit": '"daily";r=0;t=7200'}])
@pytest.mark.parametrize("users", [1, 20, 500])
def test_a_wait_after_the_last_user_is_not_kept(headers: dict[str, str], users: int) -> None:
    fault = Fault(status=200, body={}, after_applying=True, headers=headers, after=users - 1, first=1)
    harness = delivery_harness(fault, latency_ms=100 if users < 100 else 0)
    started = time.monotonic()
    dispatcher = harness.deliver(score_updates(users), max_concurrency=2)

    assert dispatcher.stop_reason is None
    assert dispatcher.counters.outcomes == {"delivered": users}
    assert time.monotonic() - started < 30


def test_a_wait_before_the_last_user_stops_the_task() -> None:
    fault = Fault(status=200, body={}, after_applying=True, headers={"Retry-After": "7200"}, after=498, first=1)
    dispatcher = delivery_harness(fault).deliver(score_updates(500), max_concurrency=1)

    assert dispatcher.stop_reason is not None
    assert dispatcher.stop_reason.cause == "retry_after"
    assert dispatcher.counters.outcomes == {"delivered": 499, "deferred": 1}
