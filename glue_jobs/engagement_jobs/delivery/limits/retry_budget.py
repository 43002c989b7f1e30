"""Retry budget: limits retries to a fraction of all requests."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class RetryBudget:
    """Counts requests and retries. See `delivery.retries` for which requests are retries.

    :param max_fraction: retries divided by requests
    :param min_retries: retries that are always allowed
    """

    max_fraction: float = 0.2
    min_retries: int = 20
    posts: int = field(init=False, default=0)
    retries: int = field(init=False, default=0)

    def allows_retry(self) -> bool:
        """Return whether one more retry is within the budget."""
        return self.retries < max(self.min_retries, self.max_fraction * self.posts)

    def count_request(self, *, is_retry: bool) -> None:
        """Count a request that is sent."""
        self.posts += 1
        if is_retry:
            self.retries += 1
