"""A pause that the CRM asked for outlives the job that was asked."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from pyspark.sql import SparkSession

from engagement_jobs.common.aws import Store
from engagement_jobs.contract.errors import DeliveryFailedError
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.push.dispatch import task_setup
from engagement_jobs.push.retry_after_store import read_not_before, write_not_before
from engagement_jobs.push.task import run_task
from tests.support.glue_days import DAY, push, push_arguments, put_scores, users
from tests.support.glue_world import Bucket, World


def attempt(job_run_id: str) -> str:
    return f"responses/dt={DAY}/attempt={job_run_id}/"


def test_the_latest_pause_of_all_attempts_counts(bucket: Bucket) -> None:
    store = Store(bucket.name)
    assert read_not_before(store, DAY) is None
    for job_run_id, task, until in (("jr_1", "0", 2e9), ("jr_1", "1", 2e9 + 60), ("jr_2", "canary", 2e9 + 7)):
        write_not_before(store, attempt(job_run_id), task, until)
    assert read_not_before(store, DAY) == 2e9 + 60
    assert read_not_before(store, "2026-11-22") is None
    # Rounded up: a pause is never shortened.
    write_not_before(store, attempt("jr_3"), "0", 2e9 + 60.5)
    assert read_not_before(store, DAY) == 2e9 + 61


def test_a_long_pause_is_written_while_the_task_waits(bucket: Bucket, crm: World) -> None:
    crm.crm("PUT", "faults", json={"status": 429, "retry_after": 6, "after": 10, "first": 3})
    setup = task_setup(push_arguments(crm, bucket), attempt("jr_1"), 2e9, "then", 30)
    began = time.time()
    result = run_task(setup, "0", [ScoreUpdate(f"U{number}", "1.00", 0) for number in range(30)])
    assert result.counters.outcomes == {"delivered": 30}
    assert bucket.keys(f"{attempt('jr_1')}pause-") == [f"{attempt('jr_1')}pause-0.json"]
    noted = read_not_before(Store(bucket.name), DAY)
    assert noted is not None
    assert began + 5 < noted < time.time() + 1


def test_a_short_pause_is_not_worth_an_object(bucket: Bucket, crm: World) -> None:
    crm.crm("PUT", "faults", json={"status": 429, "retry_after": 1, "after": 10, "first": 1})
    setup = task_setup(push_arguments(crm, bucket), attempt("jr_1"), 2e9, "then", 30)
    run_task(setup, "0", [ScoreUpdate(f"U{number}", "1.00", 0) for number in range(30)])
    assert bucket.keys(f"{attempt('jr_1')}pause-") == []


def test_the_attempt_after_a_killed_one_obeys_its_pause(spark: SparkSession, bucket: Bucket, crm: World) -> None:
    put_scores(bucket, users(30))
    until = time.time() + 3600
    # All that the killed one left: no manifest, no aggregate.
    write_not_before(Store(bucket.name), attempt("jr_1"), "2", until)
    with pytest.raises(DeliveryFailedError, match="a pause that is not over"):
        push(spark, push_arguments(crm, bucket, "jr_2"))
    manifest = bucket.json(f"responses/dt={DAY}/_manifest.json")
    assert manifest["stopped"]["cause"] == "retry_after"
    assert abs(datetime.fromisoformat(manifest["not_before"]).astimezone(UTC).timestamp() - until) <= 2
    assert crm.crm("GET", "stats")["requests"] == 0
