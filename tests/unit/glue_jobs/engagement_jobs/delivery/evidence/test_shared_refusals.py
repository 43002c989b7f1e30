"""A final refusal that many users share is about the run, and one that few get is about them. Counted at the CRM."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

import pytest

from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.limits.canary import Canary
from local.fake_crm.faults import NO_FAULT, Fault
from tests.support.delivery_checks import check, stop_of
from tests.support.delivery_harness import DeliveryHarness, delivery_harness, score_updates
from tests.support.scripted_crm import ScriptedCrm

CONCURRENCY = 16
MIXED = ("flask-404", "flask-405")
REPLAYED = {"Idempotent-Replayed": "true"}


def outcomes(harness: DeliveryHarness) -> Counter[tuple[str, str]]:
    return Counter((line["outcome"], line["reason"]) for line in harness.lines())


@pytest.mark.parametrize("status", [400, 404, 405, 410, 413, 422])
def test_refusal_of_all_users_leaves_them_open(status: int) -> None:
    harness = delivery_harness(Fault(status=status))
    dispatcher = harness.deliver(score_updates(111), Canary())

    check(harness, dispatcher, deferred=111)
    assert harness.requests == 11
    assert stop_of(dispatcher).cause == "canary_refused"
    assert stop_of(dispatcher).detail.startswith("The CRM refused all of the first 1")
    assert f"with http_{status}" in stop_of(dispatcher).detail
    assert outcomes(harness) == {("deferred", f"http_{status}_shared"): 11}


@pytest.mark.parametrize("users", [1, 2, 9])
def test_all_users_of_a_smaller_run_are_several(users: int) -> None:
    harness = delivery_harness(Fault(status=404))
    dispatcher = harness.deliver(score_updates(users), Canary(users=users))

    check(harness, dispatcher, deferred=users)
    assert stop_of(dispatcher).cause == "canary_refused"


@pytest.mark.parametrize(("status", "seconds"), [(404, 1.0), (405, 0.5), (410, 0.2)])
def test_short_outage_rejects_no_one(status: int, seconds: float) -> None:
    harness = delivery_harness(Fault(status=status, after=500, seconds=seconds), latency_ms=20)
    dispatcher = harness.deliver(score_updates(1200), max_concurrency=CONCURRENCY)

    deferred = dispatcher.counters.outcomes["deferred"]
    check(harness, dispatcher, delivered=1200 - deferred, deferred=deferred)
    # Successes that were sent before the outage interrupt the first row of refusals.
    assert 20 <= deferred <= 20 + 3 * CONCURRENCY
    assert dispatcher.stop_reason is None
    assert outcomes(harness)["deferred", f"http_{status}_shared"] == deferred
    assert harness.crm.stats()["users"] == 1200 - deferred


@pytest.mark.parametrize("status", [404, 400, 405])
def test_lasting_refusal_stops_after_the_timeout(status: int) -> None:
    harness = delivery_harness(Fault(status=status, after=300))
    dispatcher = harness.deliver(score_updates(5000), max_concurrency=CONCURRENCY, unavailable_timeout=2)

    check(harness, dispatcher, delivered=300, deferred=4700)
    assert harness.requests <= 300 + 20 + CONCURRENCY + 3
    assert stop_of(dispatcher).cause == "shared_refusal"
    assert f"with http_{status} and accepted none for 2 s" in stop_of(dispatcher).detail


@pytest.mark.parametrize(("canary", "cause"), [(True, "canary_refused"), (False, "shared_refusal")])
def test_alternating_refusals_reject_no_one(*, canary: bool, cause: str) -> None:
    harness = delivery_harness(Fault(answers=MIXED))
    dispatcher = harness.deliver(
        score_updates(600), Canary() if canary else None, max_concurrency=CONCURRENCY, unavailable_timeout=1
    )

    check(harness, dispatcher, deferred=600)
    assert harness.requests <= 100 + CONCURRENCY + 2
    assert stop_of(dispatcher).cause == cause
    assert all(code in stop_of(dispatcher).detail for code in ("http_404", "http_405"))


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_invalid_users_among_valid_ones_are_rejected(percent: int) -> None:
    harness = delivery_harness(Fault(status=422, fraction=percent / 100))
    dispatcher = harness.deliver(score_updates(1000))

    rejected = dispatcher.counters.outcomes["rejected"]
    check(harness, dispatcher, delivered=1000 - rejected, rejected=rejected)
    assert 0.5 * percent <= rejected / 10 <= 1.5 * percent
    assert harness.crm.stats()["users"] == 1000 - rejected
    assert dispatcher.stop_reason is None


@pytest.mark.parametrize("status", [400, 404, 422])
def test_canary_waits_for_a_success_in_flight(status: int) -> None:
    crm = ScriptedCrm(lambda user: status if user < "U000010" else 204, success_seconds=0.1)
    canary = Canary()
    dispatcher = crm.deliver(score_updates(111), canary)

    assert dict(dispatcher.counters.outcomes) == {"delivered": 101, "rejected": 10}
    assert dispatcher.stop_reason is None
    assert canary.passed


@pytest.mark.parametrize("part", [2, 3, 5])
def test_fast_refusals_that_overtake_successes_are_not_shared(part: int) -> None:
    crm = ScriptedCrm(lambda user: 422 if int(user[1:]) % part == 0 else 204, success_seconds=0.1)
    dispatcher = crm.deliver(score_updates(1500), max_concurrency=128)

    rejected = len(range(0, 1500, part))
    assert dict(dispatcher.counters.outcomes) == {"delivered": 1500 - rejected, "rejected": rejected}
    assert dispatcher.stop_reason is None


@pytest.mark.parametrize(
    ("count", "outcome"), [(1, "rejected"), (2, "rejected"), (3, "deferred"), (5, "deferred"), (19, "deferred")]
)
def test_refusals_at_the_end_may_be_an_outage(count: int, outcome: str) -> None:
    harness = delivery_harness(Fault(status=422, after=200))
    dispatcher = harness.deliver(score_updates(200 + count))

    check(harness, dispatcher, **{"delivered": 200, outcome: count})
    assert dispatcher.stop_reason is None


@pytest.mark.parametrize(("had_success", "outcome"), [(True, "rejected"), (False, "deferred")])
def test_task_without_success_relies_on_the_canary(*, had_success: bool, outcome: str) -> None:
    harness = delivery_harness(Fault(status=422))
    dispatcher = harness.deliver(score_updates(2), had_success=had_success)

    check(harness, dispatcher, **{outcome: 2})
    assert dispatcher.stop_reason is None


@pytest.mark.parametrize("count", [1, 45, 111])
def test_earlier_refusal_is_rejected_at_once(count: int) -> None:
    harness = delivery_harness(Fault(status=422))
    updates = [replace(update, earlier_refusal="http_422") for update in score_updates(count)]
    dispatcher = harness.deliver(updates, Canary(users=count))

    check(harness, dispatcher, rejected=count)
    assert dispatcher.stop_reason is None


@pytest.mark.parametrize("count", [2, 9, 50])
def test_smaller_run_with_different_refusals_stops(count: int) -> None:
    crm = ScriptedCrm(lambda user: 404 if int(user[1:]) % 2 else 422)
    dispatcher = crm.deliver(score_updates(count), Canary(users=count))

    assert dict(dispatcher.counters.outcomes) == {"deferred": count}
    assert stop_of(dispatcher).cause == "canary_refused"
    assert f"all of the first {count} users with http_422, http_404" in stop_of(dispatcher).detail


def test_canary_without_users_stops_nothing() -> None:
    assert ScriptedCrm(lambda _: 204).deliver([], Canary(users=0)).stop_reason is None


@pytest.mark.parametrize("status", [400, 404, 410])
def test_other_reason_than_the_earlier_one_proves_nothing(status: int) -> None:
    harness = delivery_harness(Fault(status=status))
    updates = [replace(update, earlier_refusal="http_422") for update in score_updates(45)]
    dispatcher = harness.deliver(updates, Canary(users=45))

    check(harness, dispatcher, deferred=45)
    assert stop_of(dispatcher).cause == "canary_refused"


def test_user_in_doubt_stays_unknown_after_a_shared_refusal() -> None:
    harness = delivery_harness(Fault(status=404))
    updates = [ScoreUpdate(f"U{number}", "1.00", 0, in_doubt=number == 3) for number in range(11)]
    dispatcher = harness.deliver(updates, Canary())

    check(harness, dispatcher, deferred=10, unknown=1)
    assert outcomes(harness) == {("deferred", "http_404_shared"): 10, ("unknown", "earlier_attempt"): 1}


@pytest.mark.parametrize("status", [400, 404, 422])
def test_replayed_refusals_get_a_new_key_next_time(status: int) -> None:
    harness = delivery_harness(Fault(status=status, headers=REPLAYED, first=60))
    dispatcher = harness.deliver(score_updates(200), max_concurrency=CONCURRENCY)

    check(harness, dispatcher, delivered=140, deferred=60)
    assert outcomes(harness) == {("delivered", "http_200"): 140, ("deferred", f"http_{status}_replayed"): 60}
    assert dispatcher.stop_reason is None


def test_canary_passes_with_replayed_refusals() -> None:
    harness = delivery_harness(Fault(status=422, headers=REPLAYED, first=30))
    canary = Canary()
    dispatcher = harness.deliver(score_updates(111), canary)

    check(harness, dispatcher, delivered=81, deferred=30)
    assert canary.passed
    assert canary.decided.is_set()


def test_replayed_refusals_without_a_success_stay_open() -> None:
    harness = delivery_harness(Fault(status=404, headers=REPLAYED))
    dispatcher = harness.deliver(score_updates(250))

    check(harness, dispatcher, deferred=250)
    assert dispatcher.stop_reason is None


def test_breaker_closes_when_refusals_end() -> None:
    harness = delivery_harness(Fault(status=404, after=100))
    recovery = threading.Timer(0.7, harness.crm.faults.switch, [NO_FAULT])
    recovery.start()
    dispatcher = harness.deliver(score_updates(600), max_concurrency=CONCURRENCY, unavailable_timeout=30)
    recovery.join()

    deferred = dispatcher.counters.outcomes["deferred"]
    check(harness, dispatcher, delivered=600 - deferred, deferred=deferred)
    assert deferred <= 20 + CONCURRENCY + 3
