"""One push task: its input and result, and that it refuses to run twice."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import pytest
from pyspark import TaskContext
from pyspark.sql import Row

from engagement_jobs.contract.errors import TaskRestartedError
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.push.task import run_partition, run_task, to_score_update
from tests.support.glue_checks import AGGREGATE_KEYS
from tests.support.glue_days import task_setup
from tests.support.glue_emulators import TOKEN, Bucket, Emulators


def test_a_row_becomes_a_score_update() -> None:
    row = Row(user_id=" U1\n", score="7.50", revision=2, in_doubt=True, decision="send")
    assert to_score_update(row) == ScoreUpdate(" U1\n", "7.50", 2, True)


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
    rows = [Row(user_id="U1", score="1.00", revision=0, in_doubt=False)]
    with pytest.raises(TaskRestartedError, match=r"push task 3 was started again by Spark.*maxFailures to 1"):
        list(run_partition(task_setup(crm, bucket, "attempt=x/"), 3, rows))
    assert crm.crm("GET", "stats")["requests"] == 0
    assert bucket.keys() == []
