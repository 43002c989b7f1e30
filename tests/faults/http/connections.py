"""Connections that break, and one that is closed too early."""

from __future__ import annotations

from tests.faults.http.expectations import ONE_IN_100, delivered, scenario, some
from tests.faults.scenario import CONCURRENCY, Range, Scenario, at_most

SCENARIOS: tuple[Scenario, ...] = (
    scenario("reset-before", "3 % of connections are reset before applying", delivered(1.1)),
    scenario("reset-after", "3 % of connections are reset after applying", delivered(1.1)),
    scenario(
        "timeout-after",
        "1 % are applied and answered after 2 s; the request timeout is 1 s",
        delivered(1.1, in_flight=2 * CONCURRENCY),  # the CRM does not notice that the client disconnected
        {"answer_after_ms": 2_000},
        request_timeout_seconds="1",
    ),
    scenario(
        "closes-early",
        "each connection is closed 5 ms after an answer, unannounced; at 200 requests/s",
        delivered(1.1, seconds=at_most(30), unseen=CONCURRENCY),
        max_requests_per_second="200",
    ),
    scenario(
        "respelled",
        "1 in 100 users is applied without an answer; then base_url is spelled http://LOCALHOST:PORT/",
        some("unknown", ONE_IN_100, seconds=Range(1, 20)),
        {"every_user": 100, "after_applying": True},
        "silent-users",
        {"base_url": "http://LOCALHOST:{port}/"},
        request_timeout_seconds="1",
        max_attempts="1",
    ),
)
