"""Scenarios about HTTP alone: the delivery core, one task, a few seconds each; in the order of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.faults.scenario import CONCURRENCY, ROWS, Expected, Range, Scenario, at_most, exactly

_ROWS = ROWS["core"]
_ALL = exactly(_ROWS)
_EVERY_ROW = {"delivered": _ALL}


def _delivered(posts: float = 1.0, **more: Any) -> Expected:
    """Expect every user delivered, with up to `posts` requests per user: retries, probes, lost responses."""
    return Expected(_EVERY_ROW, Range(_ROWS, posts * _ROWS), **more)


def _split(outcome: str, fraction: float, posts: float = 1.0) -> Expected:
    """Expect about this fraction of the users in `outcome` and the rest delivered; the fault is random."""
    low, high = round(0.5 * fraction * _ROWS), round(1.5 * fraction * _ROWS)
    outcomes = {outcome: Range(low, high), "delivered": Range(_ROWS - high, _ROWS - low)}
    return Expected(outcomes, Range(_ROWS, posts * _ROWS))


def _pause(seconds: int) -> Expected:
    return _delivered(1.1, seconds=Range(seconds, 20), quiet=seconds - 1)


def _nothing_sent(cause: str, posts: Range) -> Expected:
    return Expected({"deferred": _ALL}, posts, ended=f"FAILED: {cause}", resumed=_EVERY_ROW)


def _scenario(
    name: str,
    what: str,
    expected: Expected,
    changes: Mapping[str, Any] | None = None,
    profile: str | None = None,
    **arguments: str,
) -> Scenario:
    """Return a scenario that is named after its fault profile, or changes `profile`."""
    return Scenario(name, what, expected, profile=profile or name, changes=changes or {}, arguments=arguments)


SCENARIOS: tuple[Scenario, ...] = (
    # ---- slow -------------------------------------------------------------------------------------------------------
    _scenario("latency-50ms", "every update takes 50 ms", _delivered()),
    _scenario(
        "latency-100ms",
        "every update takes 100 ms: concurrency is the limit, not the rate",
        _delivered(),
        {"latency_ms": 100},
        "latency-1s",
    ),
    _scenario("heavy-tail", "1 % of updates take 2 s", _delivered(seconds=Range(2, 20)), {"latency_ms": 2_000}),
    _scenario(
        "heavy-tail-paced",
        "1 % of updates take 1 s; at 600 requests/s with 32 in flight, 95 % of the limit is kept",
        _delivered(steady=Range(0.95 * 600, 660), in_flight=32),
        {"latency_ms": 1_000},
        "heavy-tail",
        max_requests_per_second="600",
        max_concurrency="32",
    ),
    _scenario(
        "slows-down",
        "the CRM works on 8 updates at once, the others queue",
        _delivered(in_flight=CONCURRENCY * 3 // 4),
    ),
    # ---- unavailable ------------------------------------------------------------------------------------------------
    _scenario("503-few", "5 % of responses are 503", _delivered(1.1)),
    _scenario(
        "503-half",
        "50 % of responses are 503",
        Expected(
            outcomes={"delivered": Range(0.5 * _ROWS, 0.75 * _ROWS), "deferred": Range(0.25 * _ROWS, 0.5 * _ROWS)},
            posts=Range(_ROWS, 1.3 * _ROWS),
            ended="FAILED: open rows",
            seconds=at_most(30),
            resumed=_EVERY_ROW,
        ),
    ),
    _scenario(
        "503-all",
        "all responses are 503; unavailable_timeout_seconds is 2",
        _nothing_sent("crm_unavailable", at_most(100)),
        unavailable_timeout_seconds="2",
    ),
    Scenario(
        "unreachable",
        "the CRM's address refuses connections; unavailable_timeout_seconds is 2",
        _nothing_sent("crm_unavailable", exactly(0)),
        arguments={"base_url": "http://127.0.0.1:9", "unavailable_timeout_seconds": "2"},
    ),
    _scenario(
        "outage",
        "down for 1 s after 500 requests, then back",
        _delivered(1.1, seconds=Range(2, 20)),
        {"after": 500, "seconds": 1},
        "outage-30s",
    ),
    # ---- throttling -------------------------------------------------------------------------------------------------
    _scenario(
        "retry-after", "one 429 with Retry-After: 2", _pause(2), {"after": 500, "retry_after": 2}, "retry-after-5s"
    ),
    _scenario(
        "retry-after-date", "one 429 with an HTTP date 2 s ahead", _pause(2), {"after": 500, "retry_after_date": 2}
    ),
    _scenario(
        "retry-after-long",
        "one 429 with Retry-After: 3, longer than unavailable_timeout_seconds (2)",
        _pause(3),
        {"after": 500, "retry_after": 3},
        "retry-after-120s",
        unavailable_timeout_seconds="2",
    ),
    _scenario(
        "retry-after-garbage", "0.5 % of responses are 429 with Retry-After: soon", _delivered(1.1), {"fraction": 0.005}
    ),
    # ---- broken connections -----------------------------------------------------------------------------------------
    _scenario("reset-before", "3 % of connections are reset before applying", _delivered(1.1)),
    _scenario("reset-after", "3 % of connections are reset after applying", _delivered(1.1)),
    _scenario(
        "timeout-after",
        "1 % are applied and answered after 2 s; the request timeout is 1 s",
        _delivered(1.1, in_flight=2 * CONCURRENCY),  # the CRM does not notice that the client disconnected
        {"answer_after_ms": 2_000},
        request_timeout_seconds="1",
    ),
    # ---- unusual responses ------------------------------------------------------------------------------------------
    _scenario("answers-204", "204 without a body", _delivered()),
    _scenario("answers-202", "202 accepted", _delivered()),
    _scenario("answers-207", "2 % get 207 whose body names a failure", _split("rejected", 0.02)),
    _scenario("answers-html", "2 % get 200 with a foreign HTML page", _delivered(1.1)),
    _scenario("success-false", '2 % get 200 with {"success": false}', _split("rejected", 0.02)),
    _scenario(
        "stored-500", "0.5 % get a 500 that is stored under the key and replayed", _split("unknown", 0.005, posts=1.02)
    ),
    _scenario("redirect", "302 to another host", _nothing_sent("redirect", exactly(1))),
    # ---- token ------------------------------------------------------------------------------------------------------
    _scenario("token-revoked", "the token is refused", _nothing_sent("token_refused", exactly(1))),
    _scenario(
        "token-revoked-midway",
        "the token is refused after 800 requests",
        Expected(
            outcomes={"delivered": exactly(800), "deferred": exactly(_ROWS - 800)},
            posts=Range(801, 800 + CONCURRENCY),
            ended="FAILED: token_refused",
            resumed=_EVERY_ROW,
        ),
        {"after": 800},
    ),
    # ---- users ------------------------------------------------------------------------------------------------------
    _scenario("unknown-some", "1 % get 404", _split("rejected", 0.01)),
    _scenario(
        "unknown-all",
        "all get 404",
        Expected(
            outcomes={"rejected": Range(10, 11), "deferred": Range(_ROWS - 11, _ROWS - 10)},
            posts=Range(10, 11),
            ended="FAILED: canary_refused",
            resumed={"delivered": Range(_ROWS - 11, _ROWS - 10), "rejected": Range(10, 11)},
        ),
    ),
)
