"""Lines about HTTP alone: the delivery core, one task, a few seconds each. Shown in this order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.faults.scenario import CONCURRENCY, ROWS, Expected, Range, Scenario, at_most, exactly

_ROWS = ROWS["core"]
_ALL = exactly(_ROWS)
_EVERY_ROW = {"delivered": _ALL}


def _delivered(posts: float = 1.0, **more: Any) -> Expected:
    """Every row is delivered, with up to so many times as many requests: retries, probes, answers that were lost."""
    return Expected(_EVERY_ROW, Range(_ROWS, posts * _ROWS), **more)


def _split(outcome: str, fraction: float, posts: float = 1.0) -> Expected:
    """About this share of the rows ends in `outcome`, the rest is delivered: what is drawn by lot varies."""
    low, high = round(0.5 * fraction * _ROWS), round(1.5 * fraction * _ROWS)
    outcomes = {outcome: Range(low, high), "delivered": Range(_ROWS - high, _ROWS - low)}
    return Expected(outcomes, Range(_ROWS, posts * _ROWS))


def _pause(seconds: int) -> Expected:
    return _delivered(1.1, seconds=Range(seconds, 20), quiet=seconds - 1)


def _nothing_sent(cause: str, posts: Range) -> Expected:
    return Expected({"deferred": _ALL}, posts, ended=f"FAILED: {cause}", resumed=_EVERY_ROW)


def _line(
    name: str,
    what: str,
    expected: Expected,
    changes: Mapping[str, Any] | None = None,
    profile: str | None = None,
    **arguments: str,
) -> Scenario:
    """A line that is named after the profile of its fault, unless there is a `profile` to be changed."""
    return Scenario(name, what, expected, profile=profile or name, changes=changes or {}, arguments=arguments)


LINES: tuple[Scenario, ...] = (
    # ---- slow -------------------------------------------------------------------------------------------------------
    _line("latency-50ms", "every update takes 50 ms", _delivered()),
    _line(
        "latency-100ms",
        "every update takes 100 ms: concurrency is the limit, not the rate",
        _delivered(),
        {"latency_ms": 100},
        "latency-1s",
    ),
    _line("heavy-tail", "1 % of updates take 2 s", _delivered(seconds=Range(2, 20)), {"latency_ms": 2_000}),
    _line(
        "heavy-tail-paced",
        "1 % of updates take 1 s; at 600 requests/s with 32 in flight, 95 % of the limit is kept",
        _delivered(steady=Range(0.95 * 600, 660), in_flight=32),
        {"latency_ms": 1_000},
        "heavy-tail",
        max_requests_per_second="600",
        max_concurrency="32",
    ),
    _line(
        "slows-down",
        "the CRM works on 8 updates at once, the others queue",
        _delivered(in_flight=CONCURRENCY * 3 // 4),
    ),
    # ---- unavailable ------------------------------------------------------------------------------------------------
    _line("503-few", "5 % of answers are 503", _delivered(1.1)),
    _line(
        "503-half",
        "50 % of answers are 503",
        Expected(
            outcomes={"delivered": Range(0.5 * _ROWS, 0.75 * _ROWS), "deferred": Range(0.25 * _ROWS, 0.5 * _ROWS)},
            posts=Range(_ROWS, 1.3 * _ROWS),
            ended="FAILED: open rows",
            seconds=at_most(30),
            resumed=_EVERY_ROW,
        ),
    ),
    _line(
        "503-all",
        "all answers are 503; unavailable_timeout_seconds is 2",
        _nothing_sent("crm_unavailable", at_most(100)),
        unavailable_timeout_seconds="2",
    ),
    Scenario(
        "unreachable",
        "the CRM's address refuses connections; unavailable_timeout_seconds is 2",
        _nothing_sent("crm_unavailable", exactly(0)),
        arguments={"base_url": "http://127.0.0.1:9", "unavailable_timeout_seconds": "2"},
    ),
    _line(
        "outage",
        "down for 1 s after 500 requests, then back",
        _delivered(1.1, seconds=Range(2, 20)),
        {"after": 500, "seconds": 1},
        "outage-30s",
    ),
    # ---- pushback ---------------------------------------------------------------------------------------------------
    _line("retry-after", "one 429 with Retry-After: 2", _pause(2), {"after": 500, "retry_after": 2}, "retry-after-5s"),
    _line("retry-after-date", "one 429 with an HTTP date 2 s ahead", _pause(2), {"after": 500, "retry_after_date": 2}),
    _line(
        "retry-after-long",
        "one 429 with Retry-After: 3, longer than unavailable_timeout_seconds (2)",
        _pause(3),
        {"after": 500, "retry_after": 3},
        "retry-after-120s",
        unavailable_timeout_seconds="2",
    ),
    _line(
        "retry-after-garbage", "0.5 % of answers are 429 with Retry-After: soon", _delivered(1.1), {"fraction": 0.005}
    ),
    # ---- broken connections -----------------------------------------------------------------------------------------
    _line("reset-before", "3 % of connections are reset before applying", _delivered(1.1)),
    _line("reset-after", "3 % of connections are reset after applying", _delivered(1.1)),
    _line(
        "timeout-after",
        "1 % are applied and answered after 2 s; the request timeout is 1 s",
        _delivered(1.1, in_flight=2 * CONCURRENCY),  # the CRM does not notice that the client gave up
        {"answer_after_ms": 2_000},
        request_timeout_seconds="1",
    ),
    # ---- unusual answers --------------------------------------------------------------------------------------------
    _line("answers-204", "204 without a body", _delivered()),
    _line("answers-202", "202 accepted", _delivered()),
    _line("answers-207", "2 % get 207 whose body names a failure", _split("rejected", 0.02)),
    _line("answers-html", "2 % get 200 with a foreign HTML page", _delivered(1.1)),
    _line("success-false", '2 % get 200 with {"success": false}', _split("rejected", 0.02)),
    _line(
        "stored-500", "0.5 % get a 500 that is stored under the key and replayed", _split("unknown", 0.005, posts=1.02)
    ),
    _line("redirect", "302 to another host", _nothing_sent("redirect", exactly(1))),
    # ---- token ------------------------------------------------------------------------------------------------------
    _line("token-revoked", "the token is refused", _nothing_sent("token_refused", exactly(1))),
    _line(
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
    _line("unknown-some", "1 % get 404", _split("rejected", 0.01)),
    _line(
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
