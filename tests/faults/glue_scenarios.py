"""Scenarios that need the push job on Glue: killed processes, a failing S3, tasks that share one rate limit."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from tests.faults import processes
from tests.faults.scenario import CONCURRENCY, ROWS, TASKS, Expected, Range, Scenario, at_most
from tests.faults.worker import Worker

_ROWS = ROWS["glue"]
_ALL = Range(_ROWS, _ROWS)
_EVERY_ROW = {"delivered": _ALL}
# Requests without a ledger line when tasks are killed: in flight, or answered but not flushed yet.
_LOST = TASKS["glue"] * (CONCURRENCY + 1_000)
_LEDGER = {"method": "PUT", "key": r"/part-[^/]*\.jsonl$"}

# After 2,000 requests of one task, the CRM requests a pause that ends after the deadline.
_PAUSED = Expected(
    outcomes={
        "delivered": Range(2_000, 2_000 + CONCURRENCY),
        "deferred": Range(_ROWS - 2_000 - CONCURRENCY, _ROWS - 2_000),
    },
    posts=Range(2_001, 2_001 + CONCURRENCY),
    ended="FAILED: retry_after",
    seconds=at_most(60),
    resumed=_EVERY_ROW,
)


def _delivered(posts: float = _ROWS, seconds: float = 90) -> Expected:
    return Expected(_EVERY_ROW, Range(_ROWS, posts), seconds=at_most(seconds))


def _kill(name: str, what: str, fraction: float, kill: Callable[[str], None]) -> Scenario:
    def meanwhile(worker: Worker) -> None:
        worker.wait_for_users(round(fraction * _ROWS))
        kill(worker.run_id)

    expected = Expected(
        outcomes={},
        posts=Range(1, _ROWS),
        ended="FAILED: killed",
        seconds=at_most(90),
        resumed=_EVERY_ROW,
        lost=_LOST,
    )
    if kill is processes.kill_worker:
        outcomes = {"delivered": Range(1, _ROWS), "unknown": Range(1, _ROWS)}
        expected = replace(expected, outcomes=outcomes, ended="FAILED: task_lost")
    return Scenario(name, f"kill -9 of {what} at {fraction:.0%}", expected, "glue", meanwhile=meanwhile)


def _rotate(worker: Worker) -> None:
    worker.wait_for_users(round(0.3 * _ROWS))
    worker.rotate_token(secrets.token_urlsafe(24))


def _stop(worker: Worker) -> None:
    worker.wait_for_users(round(0.5 * _ROWS))
    worker.stop()


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("none", "nothing", _delivered(), "glue"),
    Scenario(
        "429-half-rate",
        "the CRM takes 500 requests/s, half of the job's limit",
        _delivered(posts=1.3 * _ROWS, seconds=120),
        "glue",
        profile="429-half-rate",
        changes={"rate": 500},
    ),
    Scenario(
        "retry-after-too-long",
        "one 429 with Retry-After: 45, the deadline is in 30 s; one push task; the next attempt starts at once",
        replace(_PAUSED, quiet=44),
        "glue",
        profile="retry-after-120s",
        changes={"retry_after": 45},
        arguments={"push_tasks": "1", "deadline_seconds": "30"},
    ),
    Scenario(
        "token-rotated",
        "a new token after 3,000 users; the old one is refused",
        _delivered(posts=_ROWS + TASKS["glue"] * CONCURRENCY),
        "glue",
        meanwhile=_rotate,
    ),
    Scenario(
        "token-endpoint-late",
        "the token endpoint answers 503 for 30 s, before the first OAuth token",
        Expected(_EVERY_ROW, Range(_ROWS, 1.05 * _ROWS), seconds=Range(30, 150)),
        "glue",
        token_fault={"down": True, "seconds": 30},
    ),
    Scenario(
        "pause-overridden",
        "one 429 with Retry-After: 1000, the deadline is in 30 s; the next attempt has ignore_retry_after",
        _PAUSED,
        "glue",
        profile="retry-after-120s",
        changes={"retry_after": 1_000},
        arguments={"push_tasks": "1", "deadline_seconds": "30"},
        then={"ignore_retry_after": "true"},
    ),
    Scenario(
        "static-site",
        "all requests get 405 with an HTML page",
        Expected(
            outcomes={"deferred": _ALL},
            posts=Range(10, 11),
            ended="FAILED: canary_refused",
            seconds=at_most(60),
            resumed=_EVERY_ROW,
        ),
        "glue",
        profile="not-allowed",
    ),
    # ---- killed -----------------------------------------------------------------------------------------------------
    _kill("kill-worker", "a Python worker", 0.5, processes.kill_worker),
    _kill("kill-driver", "the Spark driver", 0.5, processes.kill_driver),
    _kill("kill-job-10", "the whole job", 0.1, processes.kill_job),
    _kill("kill-job-50", "the whole job", 0.5, processes.kill_job),
    _kill("kill-job-90", "the whole job", 0.9, processes.kill_job),
    Scenario(
        "stopped-outside",
        "BatchStopJobRun at 50%",
        Expected(
            outcomes={}, posts=Range(1, _ROWS), ended="STOPPED", seconds=at_most(90), resumed=_EVERY_ROW, lost=_LOST
        ),
        "glue",
        meanwhile=_stop,
    ),
    # ---- S3 ---------------------------------------------------------------------------------------------------------
    Scenario(
        "s3-refuses",
        "S3 responds with 503 to every ledger write after the fourth",
        Expected(
            outcomes={
                "delivered": Range(1, 4 * 500),
                "unknown": Range(1, _LOST),
                "deferred": Range(_ROWS - _LOST - 4 * 500, _ROWS),
            },
            posts=Range(1, _LOST + 4 * 500),
            ended="FAILED: ledger_unwritable",
            seconds=Range(60, 150),
            resumed=_EVERY_ROW,
            lost=_LOST,
        ),
        "glue",
        s3_fault={**_LEDGER, "status": 503, "after": 4},
    ),
    Scenario(
        "s3-slow",
        "every ledger write takes 1.5 s",
        _delivered(),
        "glue",
        s3_fault={**_LEDGER, "latency_ms": 1_500},
    ),
)
