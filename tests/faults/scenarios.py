"""The lines of the fault matrix, in the order in which they are shown."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from tests.faults import processes
from tests.faults.lane import Lane
from tests.faults.scenario import ALL, CONCURRENCY, NONE, ROWS, TASKS, Expected, Range, Scenario, at_most, exactly

_EVERY_ROW = {"delivered": ALL}
# What a task can have sent without a trace when it is killed: under way, or answered and not flushed yet.
_UNFLUSHED = CONCURRENCY + 1_000
# A tenth of the rows more: retries, probes, answers that were lost on their way.
_A_FEW_MORE = Range(ROWS, 1.1 * ROWS)
_ONE_TASK = {"push_tasks": "1"}


def _share(fraction: float) -> Range:
    """About this share of all rows: what is drawn by lot varies."""
    return Range(round(0.6 * fraction * ROWS), round(1.4 * fraction * ROWS))


def _rest(of: Range) -> Range:
    return Range(ROWS - of.most, ROWS - of.least)


def _split(outcome: str, fraction: float) -> dict[str, Range]:
    return {outcome: _share(fraction), "delivered": _rest(_share(fraction))}


def _at(fraction: float, kill: Callable[[str], None]) -> Callable[[Lane], None]:
    def meanwhile(lane: Lane) -> None:
        lane.wait_for_users(round(fraction * ROWS))
        kill(lane.run_id)

    return meanwhile


def _rotate(lane: Lane) -> None:
    lane.wait_for_users(round(0.3 * ROWS))
    lane.rotate_token(secrets.token_urlsafe(24))


def _one_pause(name: str, what: str, pause: int) -> Scenario:
    expected = Expected(posts=_A_FEW_MORE, seconds=Range(pause, pause + 70), quiet=pause - 1)
    return Scenario(name, what, expected, profile=name, arguments=_ONE_TASK)


def _nothing_sent(cause: str, posts: Range, seconds: float = 60) -> Expected:
    return Expected(
        outcomes={"deferred": ALL},
        posts=posts,
        ended=f"FAILED: {cause}",
        seconds=at_most(seconds),
        resumed=_EVERY_ROW,
    )


def _killed(whole: bool = True) -> Expected:
    bound = TASKS * _UNFLUSHED
    return Expected(
        outcomes={} if whole else {"delivered": Range(1, ROWS), "unknown": Range(1, ROWS)},
        posts=Range(1, ROWS),
        ended="FAILED: killed" if whole else "FAILED: task_lost",
        resumed=_EVERY_ROW,
        lost=bound,
    )


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("none", "nothing"),
    # ---- slow -------------------------------------------------------------------------------------------------------
    Scenario("latency-50ms", "every update takes 50 ms", profile="latency-50ms"),
    Scenario("latency-1s", "every update takes 1 s", Expected(seconds=at_most(120)), profile="latency-1s"),
    Scenario(
        "heavy-tail",
        "1 % of updates take 30 s; the request timeout is 60 s",
        Expected(seconds=Range(30, 110)),
        profile="heavy-tail",
        arguments={"request_timeout_seconds": "60"},
    ),
    Scenario(
        "heavy-tail-paced",
        "the same at 200 requests/s in one push task with 128 under way: 95 % of the limit is kept",
        Expected(seconds=Range(50, 140), steady=Range(0.95 * 200, 220)),
        profile="heavy-tail",
        arguments={
            **_ONE_TASK,
            "max_requests_per_second": "200",
            "max_concurrency": "128",
            "request_timeout_seconds": "60",
        },
    ),
    Scenario(
        "slows-down",
        "the CRM works on 8 updates at once, the others queue",
        Expected(seconds=at_most(120), in_flight=TASKS * CONCURRENCY * 3 // 4),
        profile="slows-down",
    ),
    # ---- unavailable ------------------------------------------------------------------------------------------------
    Scenario("503-few", "5 % of answers are 503", Expected(posts=_A_FEW_MORE), profile="503-few"),
    Scenario(
        "503-half",
        "50 % of answers are 503",
        Expected(
            outcomes={"delivered": Range(5_000, 7_500), "deferred": Range(2_500, 5_000)},
            posts=Range(ROWS, 1.3 * ROWS),
            ended="FAILED: open rows",
            seconds=at_most(150),
            resumed=_EVERY_ROW,
        ),
        profile="503-half",
    ),
    Scenario(
        "503-all",
        "all answers are 503; give_up_after_seconds is 90",
        _nothing_sent("crm_unavailable", at_most(1_000), seconds=180),
        profile="503-all",
    ),
    Scenario(
        "unreachable",
        "nobody listens at the CRM's address; give_up_after_seconds is 30",
        _nothing_sent("crm_unavailable", NONE, seconds=90),
        arguments={"base_url": "http://127.0.0.1:9", "give_up_after_seconds": "30"},
    ),
    Scenario(
        "outage-30s",
        "down for 30 s after 2,000 requests, then back",
        Expected(posts=_A_FEW_MORE, seconds=Range(30, 120)),
        profile="outage-30s",
    ),
    # ---- pushback ---------------------------------------------------------------------------------------------------
    Scenario(
        "429-half-rate",
        "the CRM takes 250 requests/s, the job's limit is 500",
        Expected(posts=Range(ROWS, 1.3 * ROWS), seconds=Range(35, 150)),
        profile="429-half-rate",
        arguments={"max_requests_per_second": "500"},
    ),
    _one_pause("retry-after-5s", "one 429 with Retry-After: 5; one push task", 5),
    _one_pause("retry-after-date", "one 429 with an HTTP date 5 s ahead; one push task", 5),
    _one_pause("retry-after-120s", "one 429 with Retry-After: 120; one push task", 120),
    Scenario(
        "retry-after-too-long",
        "one 429 with Retry-After: 120, the deadline is in 60 s; the next attempt comes at once",
        Expected(
            outcomes={"delivered": Range(2_000, 2_000 + CONCURRENCY), "deferred": Range(8_000 - CONCURRENCY, 8_000)},
            posts=Range(2_001, 2_001 + CONCURRENCY),
            ended="FAILED: retry_after",
            seconds=at_most(60),
            resumed=_EVERY_ROW,
            quiet=119,
        ),
        profile="retry-after-120s",
        arguments={**_ONE_TASK, "deadline_seconds": "60"},
    ),
    Scenario(
        "retry-after-garbage",
        "5 % of answers are 429 with Retry-After: soon",
        Expected(posts=_A_FEW_MORE, seconds=at_most(150)),
        profile="retry-after-garbage",
    ),
    # ---- broken connections -----------------------------------------------------------------------------------------
    Scenario(
        "reset-before", "3 % of connections are reset before applying", Expected(posts=_A_FEW_MORE), "reset-before"
    ),
    Scenario("reset-after", "3 % of connections are reset after applying", Expected(posts=_A_FEW_MORE), "reset-after"),
    Scenario(
        "timeout-after",
        "1 % are applied and answered after 10 s; the request timeout is 5 s",
        Expected(posts=_A_FEW_MORE),
        profile="timeout-after",
    ),
    # ---- unusual answers --------------------------------------------------------------------------------------------
    Scenario("answers-204", "204 without a body", profile="answers-204"),
    Scenario("answers-202", "202 accepted", profile="answers-202"),
    Scenario(
        "answers-207",
        "2 % get 207 whose body names a failure",
        Expected(outcomes=_split("rejected", 0.02)),
        profile="answers-207",
    ),
    Scenario(
        "answers-html",
        "2 % get 200 with an HTML page of somebody else",
        Expected(posts=_A_FEW_MORE),
        profile="answers-html",
    ),
    Scenario(
        "success-false",
        '2 % get 200 with {"success": false}',
        Expected(outcomes=_split("rejected", 0.02)),
        profile="success-false",
    ),
    Scenario(
        "stored-500",
        "0.5 % get a 500 that is stored under the key and replayed",
        Expected(
            outcomes=_split("unknown", 0.005),
            posts=Range(ROWS, 1.02 * ROWS),
        ),
        profile="stored-500",
    ),
    Scenario("redirect", "302 to another host", _nothing_sent("redirect", exactly(1)), profile="redirect"),
    # ---- token ------------------------------------------------------------------------------------------------------
    Scenario(
        "token-revoked", "the token is refused", _nothing_sent("token_refused", exactly(1)), profile="token-revoked"
    ),
    Scenario(
        "token-revoked-midway",
        "the token is refused after 4,000 requests",
        Expected(
            outcomes={"delivered": exactly(4_000), "deferred": exactly(6_000)},
            posts=Range(4_001, 4_000 + TASKS * CONCURRENCY),
            ended="FAILED: token_refused",
            resumed=_EVERY_ROW,
        ),
        profile="token-revoked-midway",
    ),
    Scenario(
        "token-rotated",
        "a new token after 3,000 users; the old one is refused",
        Expected(posts=Range(ROWS, ROWS + TASKS * CONCURRENCY)),
        meanwhile=_rotate,
    ),
    # ---- users ------------------------------------------------------------------------------------------------------
    Scenario("unknown-some", "1 % get 404", Expected(outcomes=_split("rejected", 0.01)), profile="unknown-some"),
    Scenario(
        "unknown-all",
        "all get 404",
        Expected(
            outcomes={"rejected": Range(10, 11), "deferred": Range(ROWS - 11, ROWS - 10)},
            posts=Range(10, 11),
            ended="FAILED: canary_refused",
            resumed={"delivered": Range(ROWS - 11, ROWS - 10), "rejected": Range(10, 11)},
        ),
        profile="unknown-all",
    ),
    # ---- killed -----------------------------------------------------------------------------------------------------
    Scenario(
        "kill-worker",
        "kill -9 of a Python worker at 50 %",
        _killed(whole=False),
        meanwhile=_at(0.5, processes.kill_worker),
    ),
    Scenario(
        "kill-driver", "kill -9 of the Spark driver at 50 %", _killed(), meanwhile=_at(0.5, processes.kill_driver)
    ),
    Scenario("kill-job-10", "kill -9 of the whole job at 10 %", _killed(), meanwhile=_at(0.1, processes.kill_job)),
    Scenario("kill-job-50", "kill -9 of the whole job at 50 %", _killed(), meanwhile=_at(0.5, processes.kill_job)),
    Scenario("kill-job-90", "kill -9 of the whole job at 90 %", _killed(), meanwhile=_at(0.9, processes.kill_job)),
    # ---- S3 ---------------------------------------------------------------------------------------------------------
    Scenario(
        "s3-refuses",
        "S3 answers 503 to every write of the ledger after the fourth",
        Expected(
            outcomes={
                "delivered": Range(1, 4 * 500),
                "unknown": Range(1, TASKS * _UNFLUSHED),
                "deferred": Range(ROWS - TASKS * _UNFLUSHED - 4 * 500, ROWS),
            },
            posts=Range(1, TASKS * _UNFLUSHED + 4 * 500),
            ended="FAILED: ledger_unwritable",
            seconds=Range(60, 150),
            resumed=_EVERY_ROW,
            lost=TASKS * _UNFLUSHED,
        ),
        gate={"method": "PUT", "key": r"/part-[^/]*\.jsonl$", "status": 503, "after": 4},
    ),
    Scenario(
        "s3-slow",
        "every write of the ledger takes 1.5 s",
        gate={"method": "PUT", "key": r"/part-[^/]*\.jsonl$", "latency_ms": 1_500},
    ),
)
