from __future__ import annotations

import heapq
import itertools

import pytest

from engagement_jobs.delivery.circuit_breaker import AdaptiveConcurrency, CircuitBreaker, RetryBudget, backoff


def fail(breaker: CircuitBreaker, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        breaker.on_send()
        breaker.record_result(now, healthy=False)


def test_breaker_opens_on_systemic_failure_only() -> None:
    breaker = CircuitBreaker(unavailable_timeout=600)
    for number in range(1000):
        breaker.record_result(0.0, healthy=number % 2 == 0)
    assert breaker.opened_at is None
    fail(breaker, 100)
    assert breaker.opened_at == 0.0


def test_open_breaker_lets_single_probes_out_at_growing_distances() -> None:
    breaker = CircuitBreaker(unavailable_timeout=600)
    fail(breaker, 20)
    now, probes = 0.0, []
    while now < 100:
        wait = breaker.delay(now)
        if wait:
            now += wait
            continue
        probes.append(now)
        breaker.on_send()
        assert breaker.delay(now) > 0
        breaker.record_result(now, healthy=False)
    assert probes == [1.0, 3.0, 7.0, 15.0, 31.0, 61.0, 91.0]


def test_a_healthy_probe_closes_it() -> None:
    breaker = CircuitBreaker(unavailable_timeout=600)
    fail(breaker, 20)
    breaker.on_send()
    breaker.record_result(1.0, healthy=True)
    assert breaker.delay(1.0) == 0.0
    assert not breaker.has_timed_out(10_000.0)


def test_a_probe_that_says_nothing_about_health_makes_room_for_the_next() -> None:
    breaker = CircuitBreaker(unavailable_timeout=600)
    fail(breaker, 20)
    breaker.on_send()
    breaker.release_probe(1.5)
    assert breaker.delay(1.5) == 0.0


def test_a_pause_that_the_crm_asked_for_is_not_held_against_it() -> None:
    breaker = CircuitBreaker(unavailable_timeout=90)
    fail(breaker, 20)
    assert not breaker.has_timed_out(150.0, not_before=120.0)
    assert breaker.has_timed_out(210.0, not_before=120.0)


def test_breaker_gives_up() -> None:
    breaker = CircuitBreaker(unavailable_timeout=90)
    fail(breaker, 20)
    assert not breaker.has_timed_out(89.0)
    assert breaker.has_timed_out(90.0)


def test_budget_is_a_fifth_of_all_requests() -> None:
    budget = RetryBudget()
    budget.posts = 1000
    budget.retries = 199
    assert budget.allows()
    budget.retries = 200
    assert not budget.allows()


def test_concurrency_doubles_to_the_cap_while_latency_holds() -> None:
    concurrency = AdaptiveConcurrency(max_limit=100)
    for _ in range(1000):
        concurrency.record(0.05)
    assert concurrency.limit == 100


def test_concurrency_halves_when_the_median_doubles() -> None:
    concurrency = AdaptiveConcurrency(max_limit=64)
    for _ in range(1000):
        concurrency.record(0.05)
    for _ in range(16 + 2 * 64):
        concurrency.record(0.2)
    assert concurrency.limit == 32
    # Half the load took half the time: it was ours, and comes back one by one.
    for _ in range(200):
        concurrency.record(0.1)
    assert 32 <= concurrency.limit <= 40


def test_one_round_trip_during_which_all_stood_still_changes_nothing() -> None:
    concurrency = AdaptiveConcurrency(max_limit=64)
    for _ in range(1000):
        concurrency.record(0.05)
    for round_trip in (0.3, 0.05, 0.3, 0.05):
        for _ in range(64):
            concurrency.record(round_trip)
    assert concurrency.limit == 64


def test_one_slow_call_in_a_round_changes_nothing() -> None:
    concurrency = AdaptiveConcurrency(max_limit=64)
    for number in range(5000):
        concurrency.record(30.0 if number % 100 == 0 else 0.05)
    assert concurrency.limit == 64


def simulate(tasks: int, slots: int, seconds: float, after: float | None = None) -> tuple[float, float]:
    """A CRM of so many slots, 100 ms an update (later `after` seconds), asked by tasks of at most 64 each.

    Returns updates a second and requests under way, both as means of the second half.
    """
    limiters = [AdaptiveConcurrency(max_limit=64) for _ in range(tasks)]
    free, flying = [0.0] * slots, [0] * tasks
    answers: list[tuple[float, int, int, float]] = []
    now, done, in_flight, sent = 0.0, 0, 0, itertools.count()

    def send(task: int) -> None:
        while flying[task] < limiters[task].limit:
            slow = after is not None and now > seconds / 4
            ends = max(now, heapq.heappop(free)) + (after if after and slow else 0.1)
            heapq.heappush(free, ends)
            heapq.heappush(answers, (ends, next(sent), task, now))
            flying[task] += 1

    for task in range(tasks):
        send(task)
    while now < seconds:
        now, _, task, since = heapq.heappop(answers)
        flying[task] -= 1
        limiters[task].record(now - since)
        send(task)
        if now > seconds / 2:
            done += 1
            in_flight += sum(flying)
    return done / (seconds / 2), in_flight / done


@pytest.mark.parametrize("tasks", [1, 4, 8])
def test_a_crm_with_sixteen_slots_is_kept_busy_and_not_buried(tasks: int) -> None:
    rate, in_flight = simulate(tasks, slots=16, seconds=100)
    assert rate >= 0.98 * 160
    assert in_flight <= 0.75 * 64 * tasks


@pytest.mark.parametrize("after", [0.3, 1.0, 3.0])
def test_a_crm_that_became_slower_is_not_asked_less(after: float) -> None:
    rate, _ = simulate(1, slots=10_000, seconds=400 * after, after=after)
    assert rate >= 0.8 * 64 / after


@pytest.mark.parametrize("attempt", [1, 3, 10])
def test_backoff_has_full_jitter_and_a_ceiling(attempt: int) -> None:
    waits = [backoff(attempt) for _ in range(2000)]
    ceiling = min(30.0, 0.5 * 2**attempt)
    assert 0 <= min(waits) < 0.1 * ceiling
    assert 0.9 * ceiling < max(waits) <= ceiling
