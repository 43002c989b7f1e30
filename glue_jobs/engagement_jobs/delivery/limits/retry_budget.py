"""Limits on retries: how many, and how long to wait before each."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass
class RetryBudget:
    """Limits retries to a fraction of all requests.

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


def backoff(attempt: int, base: float = 0.5, max_seconds: float = 30.0) -> float:
    """Return the seconds to wait before a retry: exponential with full jitter.

    :param attempt: number of the retry, from 1
    """
    return random.uniform(0, min(max_seconds, base * 2**attempt))  # noqa: S311 - jitter needs no cryptography
