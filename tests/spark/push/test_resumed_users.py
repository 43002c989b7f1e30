"""What the plan takes over from earlier attempts: key, revision, the same refusal, and who failed alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from engagement_jobs.contract.outcomes import ANSWERED_NOT_APPLIED, OWN_FAILURE
from engagement_jobs.push import send_plan
from engagement_jobs.push.attempts import EarlierAttempts
from engagement_jobs.push.selection import Selection
from tests.spark.push.test_send_plan import DAY, LEDGER, OWN_RUN, SCORES, SNAPSHOT
from tests.support.glue_days import frame

NEW_KEY = ("http_404_shared", "http_405_shared", "http_200_failure_shared", "http_401", "http_403", "http_301")
SAME_KEY = (
    *("connect", "connect_timeout", "dns", "tls", "tls_expired", "http_429", "http_503", "http_403_limit"),
    *("http_408", "http_425", "http_423_limit", "http_200_limit", "crm_unavailable"),
)
OWN = (
    *("timeout", "reset", "malformed", "http_500", "http_502", "http_200_html", "http_200_unreadable", "http_409"),
    *("http_403", "http_301", "http_401", "http_408", "http_500_replayed", "http_202_lambda_error"),
)
NOT_OWN = (
    *("connect", "connect_timeout", "dns", "tls", "tls_wrong_name", "http_429", "http_503", "http_403_limit"),
    *("http_404_shared", "internal_error", "earlier_attempt", "crm_unavailable", "deadline"),
)


def line(user: str, outcome: str, reason: str, minute: int, attempt: str = "jr_1", **changes: Any) -> dict[str, Any]:
    """Return a ledger line of a user who was sent at the start of a minute and ended 30 s later."""
    return {
        "user_id": user,
        "score": "A",
        "key": f"key of {attempt}",
        "outcome": outcome,
        "reason": reason,
        "run_id": OWN_RUN,
        "first_sent_at": f"{DAY}T03:{minute:02d}:00.000Z",
        "settled_at": f"{DAY}T03:{minute:02d}:30.000Z",
        "attempt": attempt,
        **changes,
    }


def decide(
    spark: SparkSession, folder: Path, lines: list[dict[str, Any]], earlier: EarlierAttempts = send_plan.NO_ATTEMPTS
) -> dict[str, dict[str, Any]]:
    """Return the decided rows by user; each user of a line has the score A."""
    scores = [{"user_id": user, "score": "A"} for user in sorted({each["user_id"] for each in lines})]
    decided = send_plan.decide(
        frame(spark, folder, scores, SCORES),
        frame(spark, folder, lines, LEDGER),
        frame(spark, folder, [], SNAPSHOT),
        Selection(DAY, OWN_RUN, "all"),
        None,
        earlier,
    )
    return {each["user_id"]: each.asDict() for each in decided.collect()}


def test_an_answered_user_gets_a_new_key(spark: SparkSession, tmp_path: Path) -> None:
    lines = [line(reason, "deferred", reason, 1) for reason in (*NEW_KEY, *SAME_KEY)]
    lines += [line("twice", "deferred", "http_404_shared", minute, f"jr_{minute}") for minute in (1, 2)]
    lines += [line("then down", "deferred", reason, at) for at, reason in enumerate(("http_405_shared", "connect"))]
    rows = decide(spark, tmp_path, lines)
    assert {user: row["revision"] for user, row in rows.items()} == {
        **dict.fromkeys(NEW_KEY, 1),
        **dict.fromkeys(SAME_KEY, 0),
        "twice": 2,
        "then down": 1,
    }
    assert {row["stored_key"] for row in rows.values()} == {None}
    assert {row["decision"] for row in rows.values()} == {send_plan.SEND}


def test_an_unknown_user_keeps_the_stored_key(spark: SparkSession, tmp_path: Path) -> None:
    rows = decide(
        spark,
        tmp_path,
        [
            line("unknown", "unknown", "timeout", 1),
            line("still unknown", "unknown", "timeout", 1),
            line("still unknown", "unknown", "earlier_attempt", 2, "jr_2", key="key of jr_1"),
            line("answered first", "deferred", "http_404_shared", 1),
            line("answered first", "unknown", "timeout", 2, "jr_2"),
            line("other score", "unknown", "timeout", 1, score="B"),
            line("back to A", "unknown", "timeout", 1),
            line("back to A", "unknown", "timeout", 2, "jr_2", score="B"),
            line("settled", "unknown", "timeout", 1),
            line("settled", "delivered", "http_200", 2, "jr_2"),
        ],
    )
    assert {user: (row["in_doubt"], row["stored_key"], row["revision"]) for user, row in rows.items()} == {
        "unknown": (True, "key of jr_1", 0),
        "still unknown": (True, "key of jr_1", 0),
        "answered first": (True, "key of jr_2", 1),
        "other score": (False, None, 1),
        "back to A": (False, None, 1),
        "settled": (False, None, 1),
    }


def test_another_shape_of_the_request_gets_a_new_key(spark: SparkSession, tmp_path: Path) -> None:
    lines = [
        line("other", "unknown", "timeout", 1, "jr_o"),
        line("other twice", "unknown", "timeout", 1, "jr_o"),
        line("other twice", "unknown", "timeout", 2, "jr_p"),
        line("other, then same", "unknown", "timeout", 1, "jr_o"),
        line("other, then same", "unknown", "timeout", 2, "jr_1"),
        line("same, then other", "unknown", "timeout", 1, "jr_1"),
        line("same, then other", "unknown", "timeout", 2, "jr_o"),
        line("other score too", "unknown", "timeout", 1, "jr_o", score="B"),
        line("not applied", "deferred", "http_503", 1, "jr_o"),
        line("delivered", "delivered", "http_200", 1, "jr_o"),
    ]
    rows = decide(spark, tmp_path, lines, EarlierAttempts(other_shape=("jr_o", "jr_p")))
    assert {user: (row["in_doubt"], row["stored_key"], row["revision"]) for user, row in rows.items()} == {
        "other": (True, None, 1),
        "other twice": (True, None, 2),
        "other, then same": (True, "key of jr_1", 1),
        "same, then other": (True, None, 1),
        "other score too": (False, None, 1),
        "not applied": (False, None, 0),
        "delivered": (False, None, 1),
    }
    assert {user for user, row in rows.items() if row["decision"] != send_plan.SEND} == {"delivered"}


UNSAFE = (".", "..", "./a", "a/..", "a/../b", "\\..", "a\\.\\b", "../")
SAFE = ("...", ".a", "a.", "a/b", "..\n", "a..b/c", "/", "\\")


@pytest.mark.parametrize("user_in_path", [True, False])
@pytest.mark.parametrize("mode", ["all", "dry_run"])
def test_an_id_that_changes_the_path_is_rejected(
    spark: SparkSession, tmp_path: Path, mode: str, *, user_in_path: bool
) -> None:
    users = [{"user_id": user, "score": "A"} for user in (*UNSAFE, *SAFE)]
    decided = send_plan.decide(
        frame(spark, tmp_path, users, SCORES),
        frame(spark, tmp_path, [line("..", "unknown", "timeout", 1)], LEDGER),
        frame(spark, tmp_path, [], SNAPSHOT),
        Selection(DAY, OWN_RUN, mode),
        None,
        user_in_path=user_in_path,
    )
    sent = (send_plan.SEND if mode == "all" else "planned", None)
    rejected = dict.fromkeys(UNSAFE, ("rejected", "unsafe_path")) | {"..": ("unknown", "unsafe_path")}
    assert {each["user_id"]: (each["decision"], each["reason"]) for each in decided.collect()} == {
        **dict.fromkeys(SAFE, sent),
        **(rejected if user_in_path else dict.fromkeys(UNSAFE, sent)),
    }


@pytest.mark.parametrize(
    ("same_endpoint", "expected"),
    [
        pytest.param(("jr_1", "jr_2"), {"first": "http_404", "second": "http_422", "moved": "http_405"}, id="all"),
        pytest.param(("jr_2",), {"first": None, "second": "http_422", "moved": "http_405"}, id="corrected url"),
        pytest.param(("jr_1",), {"first": None, "second": None, "moved": None}, id="never accepted a user"),
        pytest.param((), {"first": None, "second": None, "moved": None}, id="first attempt there"),
    ],
)
def test_a_refusal_counts_where_users_were_accepted(
    spark: SparkSession, tmp_path: Path, same_endpoint: tuple[str, ...], expected: dict[str, str | None]
) -> None:
    lines = [
        line("first", "deferred", "http_404_shared", 1),
        line("moved", "deferred", "http_404_shared", 1),
        line("moved", "deferred", "http_405_shared", 2, "jr_2"),
        line("second", "deferred", "http_422_shared", 2, "jr_2"),
        line("accepted", "delivered", "http_200", 2, "jr_2"),
        line("throttled", "deferred", "http_429", 2, "jr_2"),
    ]
    rows = decide(spark, tmp_path, lines, EarlierAttempts(same_endpoint))
    assert {user: row["earlier_refusal"] for user, row in rows.items()} == {
        **expected,
        "accepted": None,
        "throttled": None,
    }


def test_who_failed_alone(spark: SparkSession, tmp_path: Path) -> None:
    answered = [line("answered", "delivered", "http_200", 2), line("rejected", "rejected", "http_422", 4, "jr_2")]
    open_users = [line(reason, "unknown", reason, 1) for reason in (*OWN, *NOT_OWN)]
    others = [
        line("sent after the last answer", "unknown", "timeout", 3),
        line("of an attempt without answers", "unknown", "timeout", 1, "jr_0"),
        line("waf", "deferred", "http_403", 3, "jr_2"),
        line("then throttled", "unknown", "timeout", 1),
        line("then throttled", "deferred", "http_429", 3, "jr_2"),
        line("then failed", "deferred", "connect", 1),
        line("then failed", "unknown", "http_500", 3, "jr_2"),
    ]
    rows = decide(spark, tmp_path, [*answered, *open_users, *others])
    assert {user for user, row in rows.items() if row["failed_alone"]} == {*OWN, "waf", "then failed"}


@pytest.mark.parametrize("reason", [*NEW_KEY, *SAME_KEY, *OWN, *NOT_OWN])
def test_python_reads_the_reasons_like_spark(reason: str) -> None:
    assert (re.search(ANSWERED_NOT_APPLIED, reason) is not None) is (reason in NEW_KEY)
    assert (re.search(OWN_FAILURE, reason) is not None) is (reason in OWN or reason in ("http_408", "http_425"))
