"""Users who fail while others are answered: no outage, neither in the middle, at the end nor in the canary."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

import pytest

from engagement_jobs.delivery.limits import canary as canary_module
from engagement_jobs.delivery.limits.canary import Canary
from local.fake_crm.faults import NO_FAULT, Fault
from tests.support.delivery_checks import check, stop_of
from tests.support.delivery_harness import delivery_harness, score_updates
from tests.support.scripted_crm import ScriptedCrm

HTML = Fault(status=200, body="<!doctype html><title>Sign in</title>", content_type="text/html")
SCATTERED = tuple(f"U{number:06d}" for number in range(40, 1000, 80))
LAST = tuple(f"U{number:06d}" for number in range(988, 1000))
FAILURES = [
    (HTML, "http_200_html"),
    (Fault(status=500, stored=True), "http_500_replayed"),
    (Fault(status=502), "http_502"),
    (Fault(silent=True), "timeout"),
    (Fault(drop_before=True), "reset"),
]


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engagement_jobs.delivery.retries.backoff", lambda _: 0.05)


@pytest.mark.parametrize("users", [SCATTERED, LAST], ids=["scattered", "last"])
@pytest.mark.parametrize(("fault", "reason"), FAILURES, ids=[reason for _, reason in FAILURES])
def test_12_users_who_always_fail_stop_no_one_else(fault: Fault, reason: str, users: tuple[str, ...]) -> None:
    harness = delivery_harness(replace(fault, for_users=users))
    dispatcher = harness.deliver(
        score_updates(1000), max_concurrency=64, unavailable_timeout=1, request_timeout_seconds=0.5, max_attempts=4
    )

    check(harness, dispatcher, swallowed=60 if reason == "reset" else 0, delivered=988, unknown=12)
    assert dispatcher.stop_reason is None
    assert harness.crm.stats()["users"] == 988
    failed = [line for line in harness.lines() if line["user_id"] in users]
    assert Counter(line["reason"] for line in failed) == {reason: 12}
    # A stored response ends the second attempt. A reset on a used connection is sent again within its attempt.
    expected = {"http_500_replayed": {2}, "reset": {4, 5}}.get(reason, {4})
    assert {line["tries"] for line in failed} <= expected


@pytest.mark.parametrize(("fault", "reason"), FAILURES, ids=[reason for _, reason in FAILURES])
def test_users_who_failed_alone_before_are_no_outage(fault: Fault, reason: str) -> None:
    harness = delivery_harness(fault)
    updates = [replace(update, failed_alone=True) for update in score_updates(45)]
    dispatcher = harness.deliver(updates, unavailable_timeout=1, request_timeout_seconds=0.3, max_attempts=3)

    check(harness, dispatcher, swallowed=45 if reason == "reset" else 0, unknown=45)
    assert dispatcher.stop_reason is None
    assert harness.requests <= 45 + max(45 // 5, 32)


@pytest.mark.parametrize(
    ("count", "cause"), [(25, None), (150, None), (1000, "crm_unavailable"), (5000, "crm_unavailable")]
)
def test_outage_among_users_who_failed_alone_is_bounded(count: int, cause: str | None) -> None:
    harness = delivery_harness(Fault(down=True))
    updates = [replace(update, failed_alone=True) for update in score_updates(count)]
    dispatcher = harness.deliver(updates, unavailable_timeout=2)

    check(harness, dispatcher, deferred=count)
    assert (stop_of(dispatcher).cause if dispatcher.stop_reason else None) == cause
    assert harness.requests <= 1.25 * min(count, 240) + 32


def test_outage_in_the_middle_still_stops() -> None:
    harness = delivery_harness(Fault(silent=True, after=500))
    dispatcher = harness.deliver(score_updates(5000), unavailable_timeout=1, request_timeout_seconds=0.4)

    check(harness, dispatcher, 5000)
    assert stop_of(dispatcher).cause == "crm_unavailable"
    assert dispatcher.counters.outcomes["delivered"] == 500
    assert harness.requests <= 500 + 120


@pytest.mark.parametrize("attempts", [3, 5, 8])
def test_lone_failures_end_after_a_shared_refusal(attempts: int) -> None:
    crm = ScriptedCrm(lambda user: 500 if user < "U000002" else 404)
    updates = [replace(update, failed_alone=update.user_id < "U000002") for update in score_updates(30)]
    dispatcher = crm.deliver(updates, max_attempts=attempts, unavailable_timeout=60)

    assert dict(dispatcher.counters.outcomes) == {"unknown": 2, "deferred": 28}
    assert dispatcher.stop_reason is None
    assert crm.requests["U000000"] <= attempts + 2


@pytest.mark.parametrize("others", [1, 20, 60])
def test_known_refusals_show_that_failures_are_lone(others: int) -> None:
    crm = ScriptedCrm(lambda user: 500 if user < "U000012" else 422)
    updates = [replace(update, earlier_refusal="http_422") for update in score_updates(12 + others)]
    dispatcher = crm.deliver(updates, max_attempts=5, unavailable_timeout=2)

    assert dict(dispatcher.counters.outcomes) == {"unknown": 12, "rejected": others}
    assert dispatcher.stop_reason is None


@pytest.mark.parametrize("attempts", [5, 10, 30])
def test_one_user_retried_often_does_not_open_the_breaker(attempts: int) -> None:
    harness = delivery_harness(Fault(status=500))
    dispatcher = harness.deliver(score_updates(1), unavailable_timeout=1, max_attempts=attempts)

    check(harness, dispatcher, unknown=1)
    assert harness.requests == min(attempts, 1 + 32)
    assert dispatcher.stop_reason is None


@pytest.fixture
def half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary_module, "_ANSWER_SECONDS", 0.5)


@pytest.mark.usefixtures("half_a_second")
@pytest.mark.parametrize(
    "users",
    [("U000000", "U000001", "U000050"), ("U000005", "U000060", "U000090"), ("U000108", "U000109", "U000110")],
    ids=["first", "middle", "last"],
)
def test_three_silent_users_do_not_block_the_canary(users: tuple[str, ...]) -> None:
    harness = delivery_harness(Fault(silent=True, for_users=users))
    canary = Canary()
    stragglers: list[int] = []

    def wait() -> None:
        canary.decided.wait(30)
        assert canary.passed
        stragglers.append(canary.stragglers)

    waiting = threading.Thread(target=wait)
    waiting.start()
    dispatcher = harness.deliver(
        score_updates(111), canary, unavailable_timeout=1, request_timeout_seconds=1.5, max_attempts=2
    )
    waiting.join()

    check(harness, dispatcher, delivered=108, unknown=3)
    assert dispatcher.stop_reason is None
    assert stragglers == [3]


@pytest.mark.usefixtures("half_a_second")
def test_silent_crm_is_an_outage_after_three_users() -> None:
    harness = delivery_harness(Fault(silent=True))
    canary = Canary()
    dispatcher = harness.deliver(score_updates(111), canary, unavailable_timeout=1, request_timeout_seconds=2)

    check(harness, dispatcher, 111)
    assert stop_of(dispatcher).cause == "crm_unavailable"
    assert 3 <= harness.requests <= 5
    assert not canary.passed
    assert canary.decided.is_set()


@pytest.mark.usefixtures("half_a_second")
def test_canary_goes_on_after_an_outage() -> None:
    harness = delivery_harness(Fault(silent=True))
    recovery = threading.Timer(3.0, harness.crm.faults.switch, [NO_FAULT])
    recovery.start()
    canary = Canary()
    dispatcher = harness.deliver(score_updates(111), canary, unavailable_timeout=30, request_timeout_seconds=1)
    recovery.join()

    check(harness, dispatcher, delivered=111)
    assert canary.passed


@pytest.mark.parametrize("status", [502, 503])
def test_canary_opens_its_breaker_after_five_failures(status: int) -> None:
    harness = delivery_harness(Fault(status=status))
    dispatcher = harness.deliver(score_updates(111), Canary(), unavailable_timeout=1)

    check(harness, dispatcher, 111)
    assert stop_of(dispatcher).cause == "crm_unavailable"
    assert f"last failure: http_{status}" in stop_of(dispatcher).detail
    assert 5 <= harness.requests <= 8


UNREADABLE = {
    "http_200_html": HTML,
    "http_200_unreadable": Fault(status=200, body='{"status": ', content_type="application/json"),
    "http_200_error_text": Fault(status=200, body="Error: no database", content_type="text/plain"),
}


@pytest.mark.parametrize("reason", UNREADABLE)
def test_unreadable_answers_stop_the_canary(reason: str) -> None:
    harness = delivery_harness(UNREADABLE[reason])
    dispatcher = harness.deliver(score_updates(111), Canary())

    check(harness, dispatcher, unknown=3, deferred=108)
    assert harness.requests == 3
    assert stop_of(dispatcher).cause == "canary_refused"
    assert reason in stop_of(dispatcher).detail


@pytest.mark.parametrize("users", [("U000000",), ("U000000", "U000001"), ("U000003", "U000004", "U000005")])
def test_few_unreadable_answers_do_not_stop_the_canary(users: tuple[str, ...]) -> None:
    harness = delivery_harness(replace(HTML, for_users=users))
    canary = Canary()
    dispatcher = harness.deliver(score_updates(111), canary)

    check(harness, dispatcher, delivered=111 - len(users), unknown=len(users))
    assert canary.passed
    assert dispatcher.stop_reason is None
