"""A slow or unavailable CRM."""

from __future__ import annotations

from tests.faults.http.expectations import EVERY_USER, USERS, delivered, nothing_sent, scenario
from tests.faults.scenario import CONCURRENCY, Expected, Range, Scenario, at_most, exactly

SCENARIOS: tuple[Scenario, ...] = (
    # ---- slow -------------------------------------------------------------------------------------------------------
    scenario("latency-50ms", "every update takes 50 ms", delivered()),
    scenario(
        "latency-100ms",
        "every update takes 100 ms: concurrency is the limit, not the rate",
        delivered(),
        {"latency_ms": 100},
        "latency-1s",
    ),
    scenario("heavy-tail", "1 % of updates take 2 s", delivered(seconds=Range(2, 20)), {"latency_ms": 2_000}),
    scenario(
        "heavy-tail-paced",
        "1 % of updates take 1 s; at 600 requests/s with 32 in flight, 95 % of the limit is kept",
        delivered(steady=Range(0.95 * 600, 660), in_flight=32),
        {"latency_ms": 1_000},
        "heavy-tail",
        max_requests_per_second="600",
        max_concurrency="32",
    ),
    scenario(
        "slows-down",
        "the CRM works on 8 updates at once, the others queue",
        delivered(in_flight=CONCURRENCY * 3 // 4),
    ),
    # ---- unavailable ------------------------------------------------------------------------------------------------
    scenario("503-few", "5 % of responses are 503", delivered(1.1)),
    scenario(
        "503-half",
        "50 % of responses are 503",
        Expected(
            outcomes={"delivered": Range(0.5 * USERS, 0.75 * USERS), "deferred": Range(0.25 * USERS, 0.5 * USERS)},
            posts=Range(USERS, 1.3 * USERS),
            ended="FAILED: open rows",
            seconds=at_most(30),
            resumed=EVERY_USER,
        ),
    ),
    scenario(
        "503-all",
        "all responses are 503; unavailable_timeout_seconds is 2",
        nothing_sent("crm_unavailable", at_most(100)),
        unavailable_timeout_seconds="2",
    ),
    Scenario(
        "unreachable",
        "the CRM's address refuses connections; unavailable_timeout_seconds is 2",
        nothing_sent("crm_unavailable", exactly(0)),
        arguments={"base_url": "http://127.0.0.1:9", "unavailable_timeout_seconds": "2"},
    ),
    scenario(
        "silent-all",
        "no request gets an answer; the request timeout is 1 s, unavailable_timeout_seconds is 3",
        Expected(
            outcomes={"unknown": Range(3, 10), "deferred": Range(USERS - 10, USERS - 3)},
            posts=Range(3, 100),
            ended="FAILED: crm_unavailable",
            resumed=EVERY_USER,
        ),
        request_timeout_seconds="1",
        unavailable_timeout_seconds="3",
    ),
    scenario(
        "outage",
        "down for 1 s after 500 requests, then back",
        delivered(1.1, seconds=Range(2, 20)),
        {"after": 500, "seconds": 1},
        "outage-30s",
    ),
    scenario("salesforce-busy", "Salesforce: 2 % get 503 SERVER_UNAVAILABLE", delivered(1.1)),
)
