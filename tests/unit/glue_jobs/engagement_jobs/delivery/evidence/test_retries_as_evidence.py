"""A CRM that answers only retries is healthy; one that answers everyone with 409 is not. Counted at the CRM."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engagement_jobs.delivery.limits.canary import Canary
from local.fake_crm.faults import Fault
from tests.support.delivery_checks import check, stop_of
from tests.support.delivery_harness import delivery_harness, score_updates
from tests.support.scripted_crm import ScriptedCrm


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engagement_jobs.delivery.retries.backoff", lambda _: 0.05)


class SecondTimeCrm(ScriptedCrm):
    """Fails the first request of each user."""

    def __init__(self, status: int) -> None:
        super().__init__(lambda user: status if self.requests[user] == 1 else 204)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_crm_that_answers_retries_is_no_outage(status: int) -> None:
    crm = SecondTimeCrm(status)
    dispatcher = crm.deliver(score_updates(300), max_concurrency=32, unavailable_timeout=6)

    # The retry budget ends the task before all users were sent a second time.
    assert dispatcher.counters.outcomes["delivered"] > 60
    assert max(crm.requests.values()) == 2
    assert dispatcher.stop_reason is None


@pytest.mark.parametrize("concurrency", [4, 32])
def test_409_for_everyone_is_an_outage(concurrency: int) -> None:
    harness = delivery_harness(Fault(status=409, after=100))
    dispatcher = harness.deliver(score_updates(5000), unavailable_timeout=2, max_concurrency=concurrency)

    check(harness, dispatcher, 5000)
    assert stop_of(dispatcher).cause == "crm_unavailable"
    assert "last failure: http_409" in stop_of(dispatcher).detail
    assert dispatcher.counters.outcomes["delivered"] == 100
    assert 120 <= harness.requests <= 100 + 20 + 20 + concurrency + 3


@pytest.mark.parametrize("count", [1, 15, 150])
def test_409_while_others_are_answered_is_no_outage(count: int) -> None:
    users = tuple(f"U{number:06d}" for number in range(0, 1000, 1000 // count))[:count]
    harness = delivery_harness(Fault(status=409, for_users=users))
    dispatcher = harness.deliver(score_updates(1000), unavailable_timeout=1, max_attempts=2)

    check(harness, dispatcher, delivered=1000 - count, unknown=count)
    assert dispatcher.stop_reason is None


def test_409_for_users_who_failed_alone_is_no_outage() -> None:
    harness = delivery_harness(Fault(status=409))
    updates = [replace(update, failed_alone=True) for update in score_updates(45)]
    dispatcher = harness.deliver(updates, unavailable_timeout=1, max_attempts=2)

    check(harness, dispatcher, unknown=45)
    assert dispatcher.stop_reason is None


def test_409_that_ends_in_the_canary_stops_nothing() -> None:
    harness = delivery_harness(Fault(status=409, first=30))
    dispatcher = harness.deliver(score_updates(111), Canary(), unavailable_timeout=20)

    check(harness, dispatcher, delivered=111)
    assert dispatcher.stop_reason is None
