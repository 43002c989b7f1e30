"""Outcomes after an attempt come from the ledger in S3."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.push.dispatch import DispatchResult
from engagement_jobs.push.final_outcomes import count_outcomes, count_rest, final_outcomes
from tests.support.glue_days import frame

TEXT = pa.string()
DECIDED = pa.schema(
    [(name, TEXT) for name in ("user_id", "decision", "reason")]
    + [("http_status", pa.int32()), ("in_doubt", pa.bool_())]
)
LINES = pa.schema([(name, TEXT) for name in ("user_id", "outcome", "reason")] + [("http_status", pa.int32())])


@pytest.fixture
def decided(spark: SparkSession, tmp_path: Path) -> DataFrame:
    rows: list[dict[str, Any]] = [
        {"user_id": "settled", "decision": "rejected", "reason": "http_422", "http_status": 422},
        {"user_id": "planned", "decision": "planned"},
        {"user_id": "sent", "decision": "send"},
        {"user_id": "rejected", "decision": "send"},
        {"user_id": "in doubt, sent", "decision": "send", "in_doubt": True},
        {"user_id": "no line", "decision": "send"},
        {"user_id": "in doubt, no line", "decision": "send", "in_doubt": True},
    ]
    return frame(spark, tmp_path, rows, DECIDED).fillna({"in_doubt": False})


@pytest.fixture
def lines(spark: SparkSession, tmp_path: Path) -> DataFrame:
    rows: list[dict[str, Any]] = [
        {"user_id": "sent", "outcome": "delivered", "reason": "http_200", "http_status": 200},
        {"user_id": "rejected", "outcome": "rejected", "reason": "http_400", "http_status": 400},
        {"user_id": "in doubt, sent", "outcome": "unknown", "reason": "timeout", "http_status": None},
    ]
    return frame(spark, tmp_path, rows, LINES)


def stopped(cause: str, *unlogged_users: str) -> DispatchResult:
    return DispatchResult(DeliveryCounters(), StopReason(cause, "why"), complete=False, unlogged_users=unlogged_users)


def rows_of(final: DataFrame) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in final.collect()}


BY_LEDGER = {
    ("settled", "rejected", "http_422", 422),
    ("planned", "planned", None, None),
    ("sent", "delivered", "http_200", 200),
    ("rejected", "rejected", "http_400", 400),
    ("in doubt, sent", "unknown", "timeout", None),
    ("no line", "deferred", "deadline", None),
    ("in doubt, no line", "unknown", "deadline", None),
}


def test_rows_without_a_line_stay_open(decided: DataFrame, lines: DataFrame) -> None:
    final = final_outcomes(decided, lines, stopped("deadline"))
    assert rows_of(final) == BY_LEDGER
    assert count_outcomes(final) == {"delivered": 1, "rejected": 2, "unknown": 2, "deferred": 1, "planned": 1}


def test_rows_without_a_line_or_a_stop_are_unsent(decided: DataFrame, lines: DataFrame) -> None:
    result = DispatchResult(DeliveryCounters(), None, complete=True)
    assert ("no line", "deferred", "unsent", None) in rows_of(final_outcomes(decided, lines, result))


def test_users_without_a_written_line_are_unknown(decided: DataFrame, lines: DataFrame) -> None:
    result = stopped("ledger_unwritable", "no line", "sent", "planned")
    assert rows_of(final_outcomes(decided, lines, result)) - BY_LEDGER == {
        ("no line", "unknown", "ledger_unwritable", None),
        ("sent", "unknown", "ledger_unwritable", None),
        ("in doubt, no line", "unknown", "ledger_unwritable", None),
    }


def test_after_a_lost_task_rows_without_a_line_are_unknown(decided: DataFrame, lines: DataFrame) -> None:
    assert rows_of(final_outcomes(decided, lines, stopped("task_lost"))) - BY_LEDGER == {
        ("no line", "unknown", "task_lost", None),
        ("in doubt, no line", "unknown", "task_lost", None),
    }


def test_the_rest_is_what_plan_and_tasks_do_not_count() -> None:
    outcomes = Counter(delivered=5, deferred=3, planned=2)
    planned = DeliveryCounters(outcomes=Counter(planned=2, delivered=1))
    result = stopped("deadline")
    result.counters.count_outcome("delivered", "http_200", 200, count=3)
    killed = DeliveryCounters(outcomes=Counter(delivered=1), posts=4, retries=3, status_codes=Counter({"200": 1}))
    rest = count_rest(outcomes, planned, result, killed)
    assert (rest.outcomes, rest.posts, rest.retries) == ({"delivered": 1, "deferred": 3}, 4, 3)
    assert rest.status_codes == {"200": 1}
    assert [(group["reason"], group["count"]) for group in rest.error_groups()] == [("deadline", 3)]
    assert count_rest(outcomes, planned, result, None).posts == 0
