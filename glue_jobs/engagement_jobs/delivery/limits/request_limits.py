"""All limits of one task."""

from __future__ import annotations

import time
from dataclasses import dataclass

from engagement_jobs.delivery.delivery_settings import DeliverySettings
from engagement_jobs.delivery.limits.adaptive_concurrency import AdaptiveConcurrency
from engagement_jobs.delivery.limits.canary import SIZE
from engagement_jobs.delivery.limits.circuit_breaker import CircuitBreaker
from engagement_jobs.delivery.limits.pushback import PushbackStreak
from engagement_jobs.delivery.limits.rate_limiter import RateLimiter
from engagement_jobs.delivery.limits.retry_budget import RetryBudget
from engagement_jobs.delivery.request_state import InFlightRequest


@dataclass(frozen=True)
class RequestLimits:
    """The limits that all requests of one task share."""

    rate: RateLimiter
    concurrency: AdaptiveConcurrency
    retry_budget: RetryBudget
    breaker: CircuitBreaker
    pushback: PushbackStreak

    @classmethod
    def of(cls, settings: DeliverySettings, *, is_canary: bool) -> RequestLimits:
        """Create the limits of a task.

        The canary finds out whether the CRM is healthy, so its few users may be retried as often as `max_attempts`
        allows.
        """
        rate = RateLimiter(settings.rate, settings.burst)
        seconds = settings.not_before - time.time()
        if seconds > 0:
            rate.wait(time.monotonic(), seconds, is_announced=True)
        return cls(
            rate,
            AdaptiveConcurrency(settings.max_concurrency),
            RetryBudget(min_retries=settings.max_attempts * SIZE if is_canary else max(20, settings.max_concurrency)),
            CircuitBreaker(settings.unavailable_timeout),
            PushbackStreak(settings.unavailable_timeout),
        )

    def acquire(self, request: InFlightRequest) -> None:
        """Count a request against the limits; it must be sent now."""
        self.rate.acquire()
        self.breaker.on_send()
        request.probe = self.breaker.probing
        self.retry_budget.count_request(is_retry=request.is_retry and not request.probe)
        request.number = self.retry_budget.posts

    def announced_end(self) -> float:
        """Return when the wait that the CRM announced ends, in epoch seconds; in the past if there is none."""
        return time.time() + self.rate.announced_until - time.monotonic()
