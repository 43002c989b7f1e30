from __future__ import annotations

import pytest

from engagement_jobs.delivery.limits.retry_budget import RetryBudget, backoff


def test_budget_is_a_fifth_of_all_requests() -> None:
    budget = RetryBudget()
    for number in range(1000):
        budget.count_request(is_retry=number < 199)
    assert budget.allows_retry()
    budget.count_request(is_retry=True)
    budget.count_request(is_retry=True)
    assert (budget.posts, budget.retries) == (1002, 201)
    assert not budget.allows_retry()


def test_minimum_is_always_allowed() -> None:
    budget = RetryBudget(min_retries=2)
    budget.count_request(is_retry=True)
    assert budget.allows_retry()
    budget.count_request(is_retry=True)
    assert not budget.allows_retry()


@pytest.mark.parametrize("attempt", [1, 3, 10])
def test_backoff_has_full_jitter_and_a_maximum(attempt: int) -> None:
    delays = [backoff(attempt) for _ in range(2000)]
    maximum = min(30.0, 0.5 * 2**attempt)
    assert 0 <= min(delays) < 0.1 * maximum
    assert 0.9 * maximum < max(delays) <= maximum
