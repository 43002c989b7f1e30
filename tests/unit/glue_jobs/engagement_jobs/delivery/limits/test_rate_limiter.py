from __future__ import annotations

import pytest

from engagement_jobs.delivery.limits.quota_pacing import Pace
from engagement_jobs.delivery.limits.rate_limiter import RateLimiter


def send_times(limiter: RateLimiter, seconds: float, start: float = 0.0) -> list[float]:
    """Return when requests are sent if one is always waiting."""
    now, times = start, []
    while now < start + seconds:
        delay = limiter.delay(now)
        if delay:
            now += delay
            continue
        limiter.acquire()
        times.append(now)
    return times


@pytest.mark.parametrize(("limit", "burst"), [(50.0, 5.0), (12.5, 1.0), (400.0, 40.0)])
def test_no_second_is_above_limit_and_burst(limit: float, burst: float) -> None:
    times = send_times(RateLimiter(limit, burst), 5)

    assert len(times) >= 0.95 * 5 * limit
    for start in times:
        assert sum(start <= moment < start + 1 for moment in times) <= limit + burst


def test_quiet_time_adds_at_most_the_burst() -> None:
    limiter = RateLimiter(100, 10)
    send_times(limiter, 1)
    limiter.delay(1000.0)
    assert limiter.tokens == 10


def test_retry_after_halts_all_requests_and_is_not_shortened() -> None:
    limiter = RateLimiter(100, 10)
    limiter.delay(0.0)
    limiter.wait(0.0, 120.0, is_announced=True)
    limiter.wait(1.0, 5.0, is_announced=True)

    assert limiter.delay(119.0) == pytest.approx(1.0)
    assert limiter.delay(120.5) == 0.0


def test_retry_after_adds_no_tokens() -> None:
    limiter = RateLimiter(100, 10)
    limiter.delay(0.0)
    limiter.slow_down(0.0)
    limiter.wait(0.0, 5.0, is_announced=True)
    assert limiter.delay(4.0) == 1.0
    # At the end of the pause the rate is still halved, and the next request must wait for one interval.
    assert limiter.delay(5.0) == pytest.approx(1 / 50)
    assert limiter.delay(5.0 + 1 / 50) == pytest.approx(0.0, abs=1e-3)


def test_pushback_within_one_second_counts_once() -> None:
    limiter = RateLimiter(100, 10)
    for moment in (0.0, 0.1, 0.9):
        limiter.slow_down(moment)
    assert 0.5 <= limiter.fraction <= 0.6
    limiter.slow_down(1.1)
    assert limiter.fraction < 0.4


def test_starts_without_tokens() -> None:
    assert RateLimiter(100, 10).delay(0.0) == pytest.approx(0.01)


def test_pushback_slows_down_and_quiet_restores_the_rate() -> None:
    limiter = RateLimiter(100, 1)
    limiter.delay(0.0)
    limiter.slow_down(0.0)
    assert len(send_times(limiter, 1)) < 65
    assert limiter.delay(20.0) == 0.0
    assert limiter.fraction == 1.0


def test_a_wait_of_its_own_is_not_announced() -> None:
    limiter = RateLimiter(100, 10)
    limiter.wait(0.0, 30.0, is_announced=False)
    assert (limiter.delay(10.0), limiter.announced_until) == (20.0, 0.0)


def test_a_quota_limits_the_rate_until_its_reset() -> None:
    limiter = RateLimiter(100, 10)
    limiter.delay(10.0)
    limiter.set_pace(10.0, Pace(5, 20.0, 10))
    times = send_times(limiter, 20.0, start=10.0)
    assert sum(moment < 20 for moment in times) == pytest.approx(50, abs=1)
    assert sum(moment >= 20 for moment in times) == pytest.approx(100, abs=1)


@pytest.mark.parametrize("rate", [0.0, 0.01])
def test_nothing_usable_of_a_quota_is_a_wait_until_its_reset(rate: float) -> None:
    limiter = RateLimiter(100, 10)
    limiter.set_pace(0.0, Pace(rate, 30.0, 10))
    assert limiter.delay(10.0) == pytest.approx(20.0)
    assert limiter.delay(30.2) <= 0.1
    assert limiter.announced_until == (0.0 if rate else 30.0)
