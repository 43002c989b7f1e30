"""One push task: its input and result, and that it refuses to run twice."""

from __future__ import annotations

import dataclasses
import pickle
from types import SimpleNamespace

import pytest
from pyspark import TaskContext
from pyspark.sql import Row

from engagement_jobs.contract.errors import TaskRestartedError
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.push import send_plan
from engagement_jobs.push.task import run_partition, run_task, to_score_update
from tests.support.glue_checks import AGGREGATE_KEYS
from tests.support.glue_days import task_setup
from tests.support.glue_emulators import TOKEN, Bucket, Emulators


def test_a_row_becomes_a_score_update() -> None:
    update = ScoreUpdate(" U1\n", "7.50", 2, True, "k1", "http_404", True)
    row = Row(*send_plan.COLUMNS)(*dataclasses.astuple(update), "send", None, None)
    assert to_score_update(row) == update


def test_a_task_delivers_and_reports(bucket: Bucket, crm: Emulators) -> None:
    setup = task_setup(crm, bucket, "attempt=x/")
    assert TOKEN.encode() not in pickle.dumps(setup)
    result = run_task(setup, "7", [ScoreUpdate(f"U{number}", "1.00", 0) for number in range(30)])
    assert (result.stop_reason, dict(result.counters.outcomes)) == (None, {"delivered": 30})
    assert pickle.loads(pickle.dumps(result)) == result  # noqa: S301 - as Spark returns it to the driver
    document = bucket.json("attempt=x/agg-7.json")
    assert document.keys() == AGGREGATE_KEYS
    assert (document["task"], document["rows"], document["posts"]) == ("7", 30, 30)
    assert document["started_at"] == "2026-11-23T03:00:00Z"
    assert len([line for key in bucket.keys("attempt=x/part-7-") for line in bucket.lines(key)]) == 30
    assert crm.crm("GET", "stats")["applied"] == 30


def test_a_task_without_rows_writes_an_aggregate(bucket: Bucket, crm: Emulators) -> None:
    assert run_task(task_setup(crm, bucket, "attempt=x/"), "0", []).counters.rows == 0
    assert bucket.keys("attempt=x/") == ["attempt=x/agg-0.json"]


def test_a_task_restarted_by_spark_sends_nothing(
    bucket: Bucket, crm: Emulators, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_try = SimpleNamespace(attemptNumber=lambda: 1)
    monkeypatch.setattr(TaskContext, "get", classmethod(lambda _: second_try))
    rows = [Row(*send_plan.COLUMNS)("U1", "1.00", 0, False, None, None, False, "send", None, None)]
    with pytest.raises(TaskRestartedError, match=r"push task 3 was started again by Spark.*maxFailures to 1"):
        list(run_partition(task_setup(crm, bucket, "attempt=x/"), 3, rows))
    assert crm.crm("GET", "stats")["requests"] == 0
    assert bucket.keys() == []
