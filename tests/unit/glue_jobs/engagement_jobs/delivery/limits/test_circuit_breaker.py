from __future__ import annotations

import pytest

from engagement_jobs.delivery.limits.circuit_breaker import CircuitBreaker


@pytest.fixture
def breaker() -> CircuitBreaker:
    """A breaker that was opened at 0."""
    breaker = CircuitBreaker(unavailable_timeout=90)
    breaker.open(0.0)
    return breaker


def test_open_breaker_allows_probes_at_growing_intervals(breaker: CircuitBreaker) -> None:
    now, probes = 0.0, []
    while now < 100:
        delay = breaker.delay(now)
        if delay:
            now += delay
            continue
        probes.append(now)
        breaker.on_send()
        assert breaker.delay(now) > 0
        breaker.record_failure(now, is_probe=True)
    assert probes == [1.0, 3.0, 7.0, 15.0, 31.0, 61.0, 91.0]


def test_opening_it_again_does_not_start_it_again(breaker: CircuitBreaker) -> None:
    breaker.open(80.0)
    assert breaker.has_timed_out(90.0)


def test_closed_breaker_allows_requests(breaker: CircuitBreaker) -> None:
    breaker.on_send()
    breaker.close()
    assert breaker.delay(1.0) == 0.0
    assert not breaker.has_timed_out(10_000.0)


def test_released_probe_allows_the_next_one_at_once(breaker: CircuitBreaker) -> None:
    breaker.on_send()
    breaker.release_probe(1.5)
    assert breaker.delay(1.5) == 0.0


def test_late_failure_of_an_earlier_request_is_no_probe(breaker: CircuitBreaker) -> None:
    breaker.on_send()
    breaker.record_failure(1.5, is_probe=False)
    assert breaker.probing
    assert breaker.delay(1.5) > 1


def test_announced_wait_does_not_count_as_unavailable(breaker: CircuitBreaker) -> None:
    assert not breaker.has_timed_out(0.0, announced_until=120.0)
    assert not breaker.has_timed_out(209.0, announced_until=120.0)
    assert breaker.has_timed_out(210.0, announced_until=120.0)


def test_many_short_announced_waits_count_as_unavailable(breaker: CircuitBreaker) -> None:
    timed_out = [breaker.has_timed_out(float(now), announced_until=now + 1.0) for now in range(100)]
    assert timed_out.index(True) == 91


def test_times_out(breaker: CircuitBreaker) -> None:
    assert not breaker.has_timed_out(89.0)
    assert breaker.has_timed_out(90.0)
