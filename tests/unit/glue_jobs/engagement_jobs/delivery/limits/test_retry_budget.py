from __future__ import annotations

from engagement_jobs.delivery.limits.retry_budget import RetryBudget


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
