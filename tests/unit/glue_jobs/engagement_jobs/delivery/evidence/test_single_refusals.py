"""The token, the access, a redirect or the certificate: refused for one user, or for several. Counted at the CRM."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from engagement_jobs.contract.errors import UnsentError
from engagement_jobs.delivery import token_refresh
from engagement_jobs.delivery.evidence.run_policy import CONNECTIONS
from engagement_jobs.delivery.limits.canary import Canary
from local.fake_crm.faults import Fault
from tests.support.delivery_checks import check, stop_of
from tests.support.delivery_harness import delivery_harness, score_updates
from tests.support.scripted_crm import ScriptedCrm

LOCATION = {"Location": "http://127.0.0.1:9/"}
REFUSALS = [
    (Fault(status=403), "access_refused"),
    (Fault(status=401), "token_refused"),
    (Fault(status=301, headers=LOCATION), "redirect"),
    (Fault(status=302, headers=LOCATION), "redirect"),
    (Fault(status=308, headers=LOCATION), "redirect"),
]


def fault_for(fault: Fault, *users: str) -> Fault:
    return Fault(status=fault.status, headers=fault.headers, for_users=users)


@pytest.mark.parametrize("users", [("U000000",), ("U000300",), ("U000000", "U000599")])
@pytest.mark.parametrize(("fault", "_"), REFUSALS)
def test_refusal_of_one_user_stops_no_one_else(fault: Fault, _: str, users: tuple[str, ...]) -> None:
    harness = delivery_harness(fault_for(fault, *users))
    dispatcher = harness.deliver(score_updates(600))

    check(harness, dispatcher, delivered=600 - len(users), deferred=len(users))
    assert harness.requests == 600
    assert harness.crm.stats()["users"] == 600 - len(users)
    assert dispatcher.stop_reason is None
    refused = Counter((line["reason"], line["tries"]) for line in harness.lines() if line["user_id"] in users)
    assert refused == {(f"http_{fault.status}", 1): len(users)}


@pytest.mark.parametrize(("fault", "cause"), REFUSALS)
def test_refusal_of_one_user_does_not_stop_the_canary(fault: Fault, cause: str) -> None:
    del cause
    harness = delivery_harness(fault_for(fault, "U000000"))
    canary = Canary()
    dispatcher = harness.deliver(score_updates(111), canary)

    check(harness, dispatcher, delivered=110, deferred=1)
    assert canary.passed


@pytest.mark.parametrize(("fault", "cause"), REFUSALS)
def test_three_users_stop_the_canary(fault: Fault, cause: str) -> None:
    harness = delivery_harness(fault)
    canary = Canary()
    dispatcher = harness.deliver(score_updates(111), canary)

    check(harness, dispatcher, deferred=111)
    assert harness.requests == 3
    assert stop_of(dispatcher).cause == cause
    assert f"http_{fault.status} for 3 users in a row" in stop_of(dispatcher).detail
    assert canary.decided.is_set()
    assert not canary.passed


@pytest.mark.parametrize(("fault", "cause"), REFUSALS)
@pytest.mark.parametrize("users", [1, 2])
def test_all_users_of_a_smaller_run_stop_it(fault: Fault, cause: str, users: int) -> None:
    harness = delivery_harness(fault)
    dispatcher = harness.deliver(score_updates(users), Canary(users=users))

    check(harness, dispatcher, deferred=users)
    assert harness.requests == users
    assert stop_of(dispatcher).cause == cause


@pytest.mark.parametrize("users", [("U000000", "U000001", "U000003"), ("U000003", "U000009", "U000015", "U000021")])
@pytest.mark.parametrize("answer", ["waf-403", "apigateway-403", "salesforce-401"])
def test_refusals_that_overtake_successes_stop_nothing(answer: str, users: tuple[str, ...]) -> None:
    # The CRM takes 150 ms for a success; the refusals arrive before the first one.
    harness = delivery_harness(Fault(answers=(answer,), for_users=users), latency_ms=150)
    dispatcher = harness.deliver(score_updates(200), had_success=True)

    check(harness, dispatcher, delivered=200 - len(users), deferred=len(users))
    assert harness.requests == 200
    assert dispatcher.stop_reason is None


@pytest.mark.parametrize("answer", ["waf-403", "apigateway-403", "salesforce-401"])
def test_refusals_from_some_time_on_cost_those_in_flight(answer: str) -> None:
    harness = delivery_harness(Fault(answers=(answer,), after=200), latency_ms=50)
    dispatcher = harness.deliver(score_updates(600), had_success=True)

    assert dispatcher.counters.outcomes["delivered"] == 200
    assert 203 <= harness.requests <= 200 + 32 + 3
    assert stop_of(dispatcher).cause == ("token_refused" if answer.endswith("401") else "access_refused")


@pytest.mark.parametrize("percent", [1, 5, 10])
@pytest.mark.parametrize("status", [401, 403])
def test_many_users_refused_at_random_stop_nothing(status: int, percent: int) -> None:
    chosen = random.Random(percent).sample(range(2000), 20 * percent)  # noqa: S311 - fixed users, no cryptography
    users = {f"U{number:06d}" for number in chosen}
    crm = ScriptedCrm(lambda user: status if user in users else 204, success_seconds=0.05)
    dispatcher = crm.deliver(score_updates(2000), max_concurrency=64)

    assert dict(dispatcher.counters.outcomes) == {"delivered": 2000 - 20 * percent, "deferred": 20 * percent}
    assert crm.requests.total() == 2000
    assert dispatcher.stop_reason is None


def test_stop_after_many_lone_refusals_costs_few_requests() -> None:
    crm = ScriptedCrm(lambda user: 403 if int(user[1:]) % 20 == 7 or user >= "U001000" else 204, success_seconds=0.02)
    dispatcher = crm.deliver(score_updates(3000), max_concurrency=16)

    assert stop_of(dispatcher).cause == "access_refused"
    assert crm.requests.total() <= 1000 + 20 + 16


@pytest.mark.parametrize(("fault", "cause"), REFUSALS)
def test_replayed_refusals_are_about_their_users(fault: Fault, cause: str) -> None:
    del cause
    headers = {**(fault.headers or {}), "Idempotent-Replayed": "true"}
    harness = delivery_harness(Fault(status=fault.status, headers=headers, first=5))
    dispatcher = harness.deliver(score_updates(100), Canary(users=100))

    check(harness, dispatcher, delivered=95, deferred=5)
    assert harness.secret_reads == 1
    assert dispatcher.stop_reason is None


@pytest.mark.parametrize(("fault", "cause"), REFUSALS)
@pytest.mark.parametrize("good", [0, 1, 10])
def test_users_who_failed_alone_stop_only_a_task_without_success(fault: Fault, cause: str, good: int) -> None:
    updates = [replace(update, failed_alone=number >= good) for number, update in enumerate(score_updates(55))]
    users = tuple(update.user_id for update in updates if update.failed_alone)
    harness = delivery_harness(fault_for(fault, *users), latency_ms=2)
    dispatcher = harness.deliver(updates, max_concurrency=1)

    if good:
        check(harness, dispatcher, delivered=good, deferred=55 - good)
        assert dispatcher.stop_reason is None
    else:
        assert stop_of(dispatcher).cause == cause
    assert harness.requests == (55 if good else 10)


@pytest.mark.parametrize("count", [1, 3, 9])
def test_some_users_who_failed_alone_block_no_others(count: int) -> None:
    harness = delivery_harness(Fault(status=403, first=count))
    updates = [replace(update, failed_alone=True) for update in score_updates(45)]
    dispatcher = harness.deliver(updates, max_concurrency=2)

    check(harness, dispatcher, delivered=45 - count, deferred=count)
    assert dispatcher.stop_reason is None


@pytest.mark.parametrize(("fault", "cause"), REFUSALS)
def test_few_users_of_a_later_task_do_not_stop_it(fault: Fault, cause: str) -> None:
    del cause
    harness = delivery_harness(fault)
    dispatcher = harness.deliver(score_updates(2), had_success=True)

    check(harness, dispatcher, deferred=2)
    assert dispatcher.stop_reason is None


@pytest.mark.parametrize(("fault", "cause"), REFUSALS)
def test_refusal_in_the_middle_costs_few_requests(fault: Fault, cause: str) -> None:
    harness = delivery_harness(Fault(status=fault.status, headers=fault.headers, after=300), latency_ms=5)
    dispatcher = harness.deliver(score_updates(2000), max_concurrency=16)

    check(harness, dispatcher, delivered=300, deferred=1700)
    assert harness.requests <= 300 + 16 + 2
    assert stop_of(dispatcher).cause == cause


@pytest.mark.parametrize("every", [40, 100, 300])
def test_scattered_refusals_are_no_evidence(every: int) -> None:
    harness = delivery_harness(Fault(status=403, every_user=every))
    dispatcher = harness.deliver(score_updates(1200), max_concurrency=2)

    refused = dispatcher.counters.outcomes["deferred"]
    check(harness, dispatcher, delivered=1200 - refused, deferred=refused)
    assert refused > 0
    assert dispatcher.stop_reason is None


def test_unchanged_secret_is_read_once_for_many_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_refresh, "_REFRESH_SECONDS", 10.0)
    harness = delivery_harness(Fault(status=401, every_user=50))
    dispatcher = harness.deliver(score_updates(1200), max_concurrency=2)

    assert dispatcher.counters.outcomes["deferred"] > 5
    assert harness.secret_reads == 2
    assert dispatcher.stop_reason is None


def test_secret_that_always_changes_does_not_loop() -> None:
    harness = delivery_harness(Fault(revoked=True))
    harness.secrets = [f"token-{number}" for number in range(100)]
    dispatcher = harness.deliver(score_updates(50), Canary())

    assert stop_of(dispatcher).cause == "token_refused"
    assert harness.secret_reads <= 10
    assert harness.requests <= 20
    assert max(line["tries"] for line in harness.lines()) == 4


def unverifiable(reason: str, user_id: str | None = None) -> ScriptedCrm:
    """Return a CRM whose certificate cannot be verified, for one user or for all."""

    def answer(user: str) -> int:
        if user_id in (None, user):
            raise UnsentError(reason)
        return 204

    return ScriptedCrm(answer)


@pytest.mark.parametrize("reason", CONNECTIONS)
def test_refused_connection_stops_the_canary_after_three(reason: str) -> None:
    crm = unverifiable(reason)
    dispatcher = crm.deliver(score_updates(111), Canary())

    assert crm.requests.total() == 3
    assert dict(dispatcher.counters.outcomes) == {"deferred": 111}
    assert stop_of(dispatcher).cause == ("proxy_auth" if reason == "proxy_auth" else "certificate")
    assert "3 users in a row" in stop_of(dispatcher).detail


def test_each_refused_connection_has_its_own_sentence() -> None:
    assert len({verdict.sentence for verdict in CONNECTIONS.values()}) == 6


@pytest.mark.parametrize("reason", CONNECTIONS)
def test_refused_connection_of_one_user_stops_no_one_else(reason: str) -> None:
    dispatcher = unverifiable(reason, "U000100").deliver(score_updates(200))

    assert dict(dispatcher.counters.outcomes) == {"delivered": 199, "deferred": 1}
    assert dispatcher.stop_reason is None
