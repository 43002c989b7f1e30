"""Limits of the CRM: pauses that it requests, quotas that it announces, pushback in other clothes."""

from __future__ import annotations

from typing import Any

from tests.faults.http.expectations import EVERY_USER, USERS, cut_off, delivered, nothing_sent, paused, scenario
from tests.faults.scenario import CONCURRENCY, Expected, Range, Scenario, at_most

_MIDWAY: dict[str, Any] = {"after": 500}


def _quota(name: str, what: str) -> Scenario:
    """Return a scenario of 1,000 requests in 4 s: it takes two windows, and 10 % of them may stay unused."""
    return scenario(name, what, delivered(seconds=Range(4, 14)), {"quota": 1_000, "quota_seconds": 4})


SCENARIOS: tuple[Scenario, ...] = (
    # ---- requested pauses -------------------------------------------------------------------------------------------
    scenario("retry-after", "one 429 with Retry-After: 2", paused(2), {**_MIDWAY, "retry_after": 2}, "retry-after-5s"),
    scenario("retry-after-date", "one 429 with an HTTP date 2 s ahead", paused(2), {**_MIDWAY, "retry_after_date": 2}),
    scenario(
        "retry-after-epoch",
        "one 429 with the epoch second 3 s ahead",
        paused(2),
        {**_MIDWAY, "retry_after_date": 3},
    ),
    scenario(
        "retry-after-iso", "one 429 with an ISO 8601 date 3 s ahead", paused(2), {**_MIDWAY, "retry_after_date": 3}
    ),
    scenario(
        "retry-after-unit",
        "one 429 with Retry-After: 2.0 seconds",
        paused(2),
        {**_MIDWAY, "retry_after": "2.0 seconds"},
    ),
    scenario(
        "retry-after-ms",
        "one 429 with Retry-After-Ms: 2000",
        paused(2),
        {**_MIDWAY, "headers": {"Retry-After-Ms": "2000"}},
    ),
    scenario("retry-after-502", "one 502 with Retry-After: 2", paused(2), {**_MIDWAY, "retry_after": 2}),
    scenario(
        "retry-after-long",
        "one 429 with Retry-After: 3, longer than unavailable_timeout_seconds (2)",
        paused(3),
        {**_MIDWAY, "retry_after": 3},
        "retry-after-120s",
        unavailable_timeout_seconds="2",
    ),
    scenario(
        "retry-after-garbage",
        "0.25 % of responses are 429 with Retry-After: soon",
        delivered(1.1),
        {"fraction": 0.0025},
    ),
    scenario(
        "retry-after-capped",
        "one 429 with Retry-After: 31536000; max_retry_after_seconds is 2",
        paused(2),
        _MIDWAY,
        "retry-after-year",
        max_retry_after_seconds="2",
    ),
    scenario(
        "retry-after-year",
        "one 429 with Retry-After: 31536000, capped to a day",
        Expected(
            {"delivered": Range(500, 500 + CONCURRENCY), "deferred": Range(USERS - 500 - CONCURRENCY, USERS - 500)},
            Range(501, 501 + CONCURRENCY),
            ended="FAILED: retry_after",
            resumed=EVERY_USER,
        ),
        _MIDWAY,
    ),
    scenario(
        "429-forever",
        "all get 429 with Retry-After: 1; unavailable_timeout_seconds is 3",
        nothing_sent("throttled", Range(3, 50)),
        unavailable_timeout_seconds="3",
    ),
    scenario(
        "429-odd",
        "two 429 with Retry-After: 2, one with a brotli body, one whose body ends early",
        paused(2),
        _MIDWAY,
    ),
    # ---- announced quotas -------------------------------------------------------------------------------------------
    _quota("quota", "1,000 requests in 4 s, announced in RateLimit and RateLimit-Policy"),
    _quota("quota-fields", "1,000 requests in 4 s, announced in RateLimit-Limit, -Remaining and -Reset"),
    _quota("quota-x", "1,000 requests in 4 s, announced in X-RateLimit-*, the reset in seconds"),
    _quota("quota-x-epoch", "1,000 requests in 4 s, announced in X-RateLimit-*, the reset as epoch second"),
    scenario(
        "quota-16-tasks",
        "1,000 requests in 4 s, announced in RateLimit; 16 tasks",
        delivered(seconds=Range(4, 16)),
        {"quota": 1_000, "quota_seconds": 4},
        "quota",
        push_tasks="16",
    ),
    # ---- limits of platforms ----------------------------------------------------------------------------------------
    scenario(
        "hubspot",
        "HubSpot: 429 without Retry-After above 600 requests in 2 s",
        delivered(1.3, seconds=at_most(30)),
        {"quota": 600, "quota_seconds": 2},
    ),
    scenario("hubspot-locks", "HubSpot: two 423, and two 477 with Retry-After: 2", paused(2), _MIDWAY),
    scenario(
        "hubspot-daily",
        "HubSpot: the daily limit is reached after 500 requests; unavailable_timeout_seconds is 3",
        cut_off("throttled", 500, Range(501, 500 + CONCURRENCY + 20)),
        _MIDWAY,
        unavailable_timeout_seconds="3",
    ),
    scenario(
        "salesforce",
        "Salesforce: 403 REQUEST_LIMIT_EXCEEDED for 2 s",
        paused(2),
        {**_MIDWAY, "seconds": 2},
    ),
    scenario(
        "api-gateway",
        "API Gateway: 429 without Retry-After above 500 requests/s",
        delivered(1.3, seconds=at_most(30)),
        {"rate": 500},
    ),
    scenario("limit-in-200", "one 200 whose JSON names a limit", paused(1), _MIDWAY),
)
