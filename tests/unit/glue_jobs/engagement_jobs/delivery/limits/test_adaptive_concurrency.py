from __future__ import annotations

import heapq
import itertools

import pytest

from engagement_jobs.delivery.limits.adaptive_concurrency import AdaptiveConcurrency


def test_doubles_to_the_maximum_while_latency_holds() -> None:
    concurrency = AdaptiveConcurrency(max_limit=100)
    for _ in range(1000):
        concurrency.record_latency(0.05)
    assert concurrency.limit == 100


def test_halves_when_the_median_doubles() -> None:
    concurrency = AdaptiveConcurrency(max_limit=64)
    for _ in range(1000):
        concurrency.record_latency(0.05)
    for _ in range(16 + 2 * 64):
        concurrency.record_latency(0.2)
    assert concurrency.limit == 32
    # Half the load took half the time, so the load was the cause. The limit grows again by one at a time.
    for _ in range(200):
        concurrency.record_latency(0.1)
    assert 32 <= concurrency.limit <= 40


def test_single_slow_windows_change_nothing() -> None:
    concurrency = AdaptiveConcurrency(max_limit=64)
    for _ in range(1000):
        concurrency.record_latency(0.05)
    for latency in (0.3, 0.05, 0.3, 0.05):
        for _ in range(64):
            concurrency.record_latency(latency)
    assert concurrency.limit == 64


def test_single_slow_responses_change_nothing() -> None:
    concurrency = AdaptiveConcurrency(max_limit=64)
    for number in range(5000):
        concurrency.record_latency(30.0 if number % 100 == 0 else 0.05)
    assert concurrency.limit == 64


def simulate(tasks: int, slots: int, seconds: float, slow_latency: float = 0.1) -> tuple[float, float]:
    """Simulate a CRM that processes `slots` updates at a time, and tasks with at most 64 requests in flight each.

    :param slow_latency: seconds for an update after the first quarter; 0.1 before
    :return: updates per second, and requests in flight, both as means of the second half
    """
    limits = [AdaptiveConcurrency(max_limit=64) for _ in range(tasks)]
    free_slots, in_flight = [0.0] * slots, [0] * tasks
    responses: list[tuple[float, int, int, float]] = []
    now, done, total_in_flight, order = 0.0, 0, 0, itertools.count()

    def send(task: int) -> None:
        while in_flight[task] < limits[task].limit:
            latency = slow_latency if now > seconds / 4 else 0.1
            end = max(now, heapq.heappop(free_slots)) + latency
            heapq.heappush(free_slots, end)
            heapq.heappush(responses, (end, next(order), task, now))
            in_flight[task] += 1

    for task in range(tasks):
        send(task)
    while now < seconds:
        now, _, task, sent_at = heapq.heappop(responses)
        in_flight[task] -= 1
        limits[task].record_latency(now - sent_at)
        send(task)
        if now > seconds / 2:
            done += 1
            total_in_flight += sum(in_flight)
    return done / (seconds / 2), total_in_flight / done


@pytest.mark.parametrize("tasks", [1, 4, 8])
def test_crm_with_16_slots_is_busy_but_not_overloaded(tasks: int) -> None:
    rate, in_flight = simulate(tasks, slots=16, seconds=100)
    assert rate >= 0.98 * 160
    assert in_flight <= 0.75 * 64 * tasks


@pytest.mark.parametrize("latency", [0.3, 1.0, 3.0])
def test_crm_that_became_slower_gets_as_many_requests(latency: float) -> None:
    rate, _ = simulate(1, slots=10_000, seconds=400 * latency, slow_latency=latency)
    assert rate >= 0.8 * 64 / latency
