from __future__ import annotations

import pytest

from engagement_jobs.health import Breaker, Concurrency, RetryBudget, backoff


def fail(breaker: Breaker, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        breaker.sent()
        breaker.record(now, healthy=False)


def test_breaker_opens_on_systemic_failure_only() -> None:
    breaker = Breaker(give_up_after=600)
    for number in range(1000):
        breaker.record(0.0, healthy=number % 2 == 0)
    assert breaker.opened_at is None
    fail(breaker, 100)
    assert breaker.opened_at == 0.0


def test_open_breaker_lets_single_probes_out_at_growing_distances() -> None:
    breaker = Breaker(give_up_after=600)
    fail(breaker, 20)
    now, probes = 0.0, []
    while now < 100:
        wait = breaker.wait(now)
        if wait:
            now += wait
            continue
        probes.append(now)
        breaker.sent()
        assert breaker.wait(now) > 0
        breaker.record(now, healthy=False)
    assert probes == [1.0, 3.0, 7.0, 15.0, 31.0, 61.0, 91.0]


def test_a_healthy_probe_closes_it() -> None:
    breaker = Breaker(give_up_after=600)
    fail(breaker, 20)
    breaker.sent()
    breaker.record(1.0, healthy=True)
    assert breaker.wait(1.0) == 0.0
    assert not breaker.spent(10_000.0)


def test_a_probe_that_says_nothing_about_health_makes_room_for_the_next() -> None:
    breaker = Breaker(give_up_after=600)
    fail(breaker, 20)
    breaker.sent()
    breaker.release(1.5)
    assert breaker.wait(1.5) == 0.0


def test_a_pause_that_the_crm_asked_for_is_not_held_against_it() -> None:
    breaker = Breaker(give_up_after=90)
    fail(breaker, 20)
    assert not breaker.spent(150.0, not_before=120.0)
    assert breaker.spent(210.0, not_before=120.0)


def test_breaker_gives_up() -> None:
    breaker = Breaker(give_up_after=90)
    fail(breaker, 20)
    assert not breaker.spent(89.0)
    assert breaker.spent(90.0)


def test_budget_is_a_fifth_of_all_requests() -> None:
    budget = RetryBudget()
    budget.posts = 1000
    budget.retries = 199
    assert budget.allows()
    budget.retries = 200
    assert not budget.allows()


def test_concurrency_doubles_to_the_cap_while_latency_holds() -> None:
    concurrency = Concurrency(cap=100)
    for _ in range(1000):
        concurrency.record(0.05)
    assert concurrency.limit == 100


def test_concurrency_halves_when_the_median_doubles() -> None:
    concurrency = Concurrency(cap=64)
    for _ in range(1000):
        concurrency.record(0.05)
    for _ in range(16 + 2 * 64):
        concurrency.record(0.2)
    assert concurrency.limit == 32
    # Half the load took half the time: it was ours, and stays halved.
    for _ in range(200):
        concurrency.record(0.1)
    assert concurrency.limit == 32


def test_one_round_trip_during_which_all_stood_still_changes_nothing() -> None:
    concurrency = Concurrency(cap=64)
    for _ in range(1000):
        concurrency.record(0.05)
    for round_trip in (0.3, 0.05, 0.3, 0.05):
        for _ in range(64):
            concurrency.record(round_trip)
    assert concurrency.limit == 64


def test_one_slow_call_in_a_round_changes_nothing() -> None:
    concurrency = Concurrency(cap=64)
    for number in range(5000):
        concurrency.record(30.0 if number % 100 == 0 else 0.05)
    assert concurrency.limit == 64


@pytest.mark.parametrize(("before", "after"), [(0.002, 0.3), (0.05, 2.0), (0.1, 5.0)])
def test_a_crm_that_became_slower_is_not_asked_less(before: float, after: float) -> None:
    concurrency = Concurrency(cap=64)
    for _ in range(1000):
        concurrency.record(before)
    rounds, least = 0, 64
    while rounds < 12:
        for _ in range(concurrency.limit):
            concurrency.record(after)
        least, rounds = min(least, concurrency.limit), rounds + 1
    assert least >= 16
    assert concurrency.limit == 64


def test_a_crm_with_sixteen_hands_is_asked_for_no_more_than_it_can_do() -> None:
    concurrency = Concurrency(cap=128)
    limits = []
    for _ in range(60):
        limits.append(concurrency.limit)
        for _ in range(concurrency.limit):
            concurrency.record(0.1 * max(1, concurrency.limit / 16))
    assert max(limits[20:]) <= 64
    assert min(limits[20:]) >= 8


@pytest.mark.parametrize("attempt", [1, 3, 10])
def test_backoff_has_full_jitter_and_a_ceiling(attempt: int) -> None:
    waits = [backoff(attempt) for _ in range(2000)]
    ceiling = min(30.0, 0.5 * 2**attempt)
    assert 0 <= min(waits) < 0.1 * ceiling
    assert 0.9 * ceiling < max(waits) <= ceiling
