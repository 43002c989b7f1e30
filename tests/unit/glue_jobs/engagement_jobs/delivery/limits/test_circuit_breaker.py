from __future__ import annotations

from engagement_jobs.delivery.limits.circuit_breaker import CircuitBreaker


def fail(breaker: CircuitBreaker, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        breaker.on_send()
        breaker.record_result(now, healthy=False)


def test_opens_on_consecutive_failures_only() -> None:
    breaker = CircuitBreaker(unavailable_timeout=600)
    for number in range(1000):
        breaker.record_result(0.0, healthy=number % 2 == 0)
    assert breaker.opened_at is None
    fail(breaker, 100)
    assert breaker.opened_at == 0.0


def test_open_breaker_allows_probes_at_growing_intervals() -> None:
    breaker = CircuitBreaker(unavailable_timeout=600)
    fail(breaker, 20)
    now, probes = 0.0, []
    while now < 100:
        delay = breaker.delay(now)
        if delay:
            now += delay
            continue
        probes.append(now)
        breaker.on_send()
        assert breaker.delay(now) > 0
        breaker.record_result(now, healthy=False)
    assert probes == [1.0, 3.0, 7.0, 15.0, 31.0, 61.0, 91.0]


def test_healthy_probe_closes_it() -> None:
    breaker = CircuitBreaker(unavailable_timeout=600)
    fail(breaker, 20)
    breaker.on_send()
    breaker.record_result(1.0, healthy=True)
    assert breaker.delay(1.0) == 0.0
    assert not breaker.has_timed_out(10_000.0)


def test_released_probe_allows_the_next_one_at_once() -> None:
    breaker = CircuitBreaker(unavailable_timeout=600)
    fail(breaker, 20)
    breaker.on_send()
    breaker.release_probe(1.5)
    assert breaker.delay(1.5) == 0.0


def test_requested_pause_does_not_count_as_unavailable() -> None:
    breaker = CircuitBreaker(unavailable_timeout=90)
    fail(breaker, 20)
    assert not breaker.has_timed_out(150.0, not_before=120.0)
    assert breaker.has_timed_out(210.0, not_before=120.0)


def test_times_out() -> None:
    breaker = CircuitBreaker(unavailable_timeout=90)
    fail(breaker, 20)
    assert not breaker.has_timed_out(89.0)
    assert breaker.has_timed_out(90.0)
