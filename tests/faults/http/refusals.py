"""Refusals that are about the run: base_url, the token, a load balancer that knows no path for a second."""

from __future__ import annotations

from tests.faults.http.expectations import ALL, EVERY_USER, USERS, cut_off, nothing_sent, scenario
from tests.faults.scenario import CONCURRENCY, Expected, Range, Scenario, exactly

# Twenty in a row, those in flight, and probes for a second.
_SHARED = Range(20, 20 + 2 * CONCURRENCY)
_SHARED_404 = Expected(
    {"deferred": _SHARED, "delivered": Range(USERS - _SHARED.high, USERS - _SHARED.low)},
    ALL,
    ended="FAILED: open rows",
    resumed=EVERY_USER,
    reasons={"http_404_shared": _SHARED},
)


def _certificate(problem: str, what: str) -> Scenario:
    return Scenario(
        f"tls-{problem.replace('_', '-')}",
        what,
        nothing_sent("certificate", exactly(0), reasons={f"tls_{problem}": Range(3, 11)}),
        arguments={"base_url": f"https://localhost:{{{problem}}}"},
    )


SCENARIOS: tuple[Scenario, ...] = (
    scenario("redirect", "302 to another host", nothing_sent("redirect", exactly(3))),
    scenario("token-revoked", "the token is refused", nothing_sent("token_refused", exactly(3))),
    scenario(
        "token-revoked-midway",
        "the token is refused after 800 requests",
        cut_off("token_refused", 800, Range(803, 803 + CONCURRENCY)),
        {"after": 800},
    ),
    scenario(
        "salesforce-session",
        "Salesforce: 401 INVALID_SESSION_ID after 500 requests",
        cut_off("token_refused", 500, Range(503, 503 + CONCURRENCY)),
        {"after": 500},
    ),
    scenario(
        "api-gateway-path",
        'API Gateway: 403 "Missing Authentication Token"',
        nothing_sent("access_refused", exactly(3)),
    ),
    _certificate("expired", "the CRM's certificate has expired"),
    _certificate("unknown_ca", "an authority that is not trusted issued the CRM's certificate"),
    _certificate("missing_intermediate", "the CRM does not send an intermediate certificate"),
    _certificate("wrong_name", "the CRM's certificate is for another name"),
    scenario(
        "waf-challenge",
        "AWS WAF: 202 with a challenge instead of the CRM's answer",
        Expected(
            {"unknown": Range(3, 11), "deferred": Range(USERS - 11, USERS - 3)},
            Range(3, 40),
            ended="FAILED: canary_refused",
            resumed=EVERY_USER,
        ),
    ),
    scenario(
        "not-allowed", "405 with an HTML page, as of a static site", nothing_sent("canary_refused", Range(10, 11))
    ),
    scenario("unknown-all", "all get 404", nothing_sent("canary_refused", Range(10, 11))),
    scenario(
        "404-for-a-second",
        "404 for 1 s after 500 requests; max_failed_fraction is 0.005",
        _SHARED_404,
        {"after": 500},
        max_failed_fraction="0.005",
    ),
    scenario(
        "404-stored",
        "404 for 1 s after 500 requests, replayed for the same key later; max_failed_fraction is 0.005",
        _SHARED_404,
        {"after": 500},
        max_failed_fraction="0.005",
    ),
    scenario(
        "mostly-refused",
        "92 % get 404, 405 or a failure; max_failed_fraction is 1; then push_mode is retry_rejected",
        Expected(
            {"rejected": Range(0.9 * USERS, 0.95 * USERS), "delivered": Range(0.05 * USERS, 0.1 * USERS)},
            ALL,
            ended="FAILED: open rows",
            resumed=EVERY_USER,
        ),
        {"fraction": 0.92},
        then={"push_mode": "retry_rejected"},
        max_failed_fraction="1",
    ),
)
