from __future__ import annotations

import pytest

from engagement_jobs.delivery.rate_limiter import RateLimiter, retry_after_seconds

DATE = "Mon, 23 Nov 2026 03:00:00 GMT"


def send_times(limiter: RateLimiter, seconds: float) -> list[float]:
    """When requests leave if one is always waiting."""
    now, times = 0.0, []
    while now < seconds:
        wait = limiter.delay(now)
        if wait:
            now += wait
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


def test_a_long_pause_earns_no_more_than_the_burst() -> None:
    limiter = RateLimiter(100, 10)
    send_times(limiter, 1)
    limiter.delay(1000.0)
    assert limiter.tokens == 10


def test_retry_after_halts_everything_and_is_never_shortened() -> None:
    limiter = RateLimiter(100, 10)
    limiter.delay(0.0)
    limiter.throttle(0.0, 120.0)
    limiter.throttle(1.0, 5.0)

    assert limiter.delay(119.0) == pytest.approx(1.0)
    assert limiter.delay(120.5) == 0.0


def test_a_pause_earns_no_burst() -> None:
    limiter = RateLimiter(100, 10)
    limiter.delay(0.0)
    limiter.throttle(0.0, 5.0)
    assert limiter.delay(4.0) == 1.0
    # At its end the pace is still halved, and the next request is one interval of that away.
    assert limiter.delay(5.0) == pytest.approx(1 / 50)
    assert limiter.delay(5.0 + 1 / 50) == pytest.approx(0.0, abs=1e-3)


def test_answers_of_the_same_second_slow_it_once() -> None:
    limiter = RateLimiter(100, 10)
    for moment in (0.0, 0.1, 0.9):
        limiter.throttle(moment, None)
    assert 0.5 <= limiter.share <= 0.6
    limiter.throttle(1.1, None)
    assert limiter.share < 0.4


def test_a_task_begins_without_tokens() -> None:
    assert RateLimiter(100, 10).delay(0.0) == pytest.approx(0.01)


def test_pushback_slows_the_pace_and_quiet_restores_it() -> None:
    limiter = RateLimiter(100, 1)
    limiter.delay(0.0)
    limiter.throttle(0.0, None)
    slowed = len(send_times(limiter, 1))
    assert slowed < 65
    assert limiter.delay(20.0) == 0.0
    assert limiter.share == 1.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        (" 120 ", 120.0),
        ("Mon, 23 Nov 2026 03:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 02:59:00 GMT", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("0", None),
        ("9" * 400, 366 * 86_400.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 366 * 86_400.0),
        ("Mon, 23 Nov 2026 00:00:00 +9999999999999999", None),
        ("", None),
        (None, None),
    ],
)
def test_reads_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, DATE) == seconds


def test_a_date_counts_from_the_answers_own_clock() -> None:
    skewed = "Mon, 23 Nov 2020 03:00:00 GMT"
    assert retry_after_seconds("Mon, 23 Nov 2020 03:01:00 GMT", skewed) == 60.0
