"""The token endpoint of OAuth 2.0, whose tokens live for 2 s, and a forward proxy on the way to the CRM."""

from __future__ import annotations

from tests.faults.http.expectations import EVERY_USER, USERS, delivered
from tests.faults.scenario import Expected, Range, Scenario
from tests.faults.worker import Worker

_SLOW = {"max_requests_per_second": "200"}
_GARBAGE = {"status": 200, "body": "<html>Please sign in</html>", "content_type": "text/html"}


def _restart_proxy(worker: Worker) -> None:
    worker.wait_for_users(USERS // 4)
    worker.restart_proxy(pause_seconds=3)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "tokens-refused-early",
        "5 % of OAuth tokens are refused before they expire; four tasks at 100 requests/s",
        # At least one request with such a token; with this seed, it is the 21st, the 22nd and the 30th token.
        Expected(EVERY_USER, Range(USERS + 1, 1.1 * USERS), seconds=Range(20, 40)),
        token_fault={"revoked": True, "fraction": 0.05, "seed": 2},
        arguments={"max_requests_per_second": "100", "push_tasks": "4"},
    ),
    Scenario(
        "token-endpoint-down",
        "after two tokens, the token endpoint answers 503 for 30 s",
        delivered(1.1, seconds=Range(35, 80), quiet=25),
        token_fault={"down": True, "after": 2, "seconds": 30},
        arguments=_SLOW,
    ),
    Scenario(
        "token-endpoint-garbage",
        "after two tokens, the token endpoint answers 200 with an HTML page",
        Expected(
            {"delivered": Range(200, USERS - 200), "deferred": Range(200, USERS - 200)},
            Range(200, USERS),
            ended="FAILED: token_endpoint_refused",
            seconds=Range(0, 60),
            resumed=EVERY_USER,
        ),
        token_fault={**_GARBAGE, "after": 2},
        arguments=_SLOW,
    ),
    Scenario(
        "proxy-restarted",
        "the forward proxy is away for 3 s after 500 requests",
        delivered(1.1, seconds=Range(3, 40), unseen=64),
        arguments={**_SLOW, "proxy_url": "http://127.0.0.1:{proxy}"},
        meanwhile=_restart_proxy,
    ),
)
