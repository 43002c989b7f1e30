"""Odd forms of HTTP: what a client can read is read, the rest does no harm."""

from __future__ import annotations

from tests.faults.http.expectations import ONE_IN_200, delivered, scenario, some
from tests.faults.scenario import Scenario, exactly

SCENARIOS: tuple[Scenario, ...] = (
    scenario("answers-204", "204 without a body", delivered()),
    scenario("answers-202", "202 accepted", delivered()),
    scenario("flask", "Flask: 204 with Content-Type: text/html", delivered()),
    scenario("204-gzip", "204 with Content-Encoding: gzip", delivered()),
    scenario("odd-forms", "200 in 17 odd forms of HTTP", delivered()),
    scenario("malformed", "2 % are applied and answered in five forms that violate HTTP", delivered(1.1)),
    scenario("truncated", "2 % are applied and the answer ends early", delivered(1.1)),
    scenario(
        "brotli-users",
        "1 in 200 users is applied and answered in brotli",
        some("unknown", ONE_IN_200, 4, reasons={"http_200_encoding": exactly(ONE_IN_200)}),
    ),
)
