"""The next attempt knows a long Retry-After, even if the job was killed."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
from pyspark.sql import SparkSession

from engagement_jobs.common.aws import Store
from engagement_jobs.contract.errors import DeliveryFailedError
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.push.retry_after_store import read_retry_after, save_retry_after
from engagement_jobs.push.task import run_task
from tests.support.glue_days import DAY, push, push_arguments, put_scores, task_setup, users
from tests.support.glue_emulators import Bucket, Emulators

UPDATES = [ScoreUpdate(f"U{number}", "1.00", 0) for number in range(30)]


def attempt(job_run_id: str) -> str:
    return f"responses/dt={DAY}/attempt={job_run_id}/"


def test_the_latest_time_of_all_attempts_counts(bucket: Bucket) -> None:
    store = Store(bucket.name)
    assert read_retry_after(store, DAY) is None
    for job_run_id, task, not_before in (("jr_1", "0", 2e9), ("jr_1", "1", 2e9 + 60), ("jr_2", "canary", 2e9 + 7)):
        save_retry_after(store, attempt(job_run_id), task, not_before)
    assert read_retry_after(store, DAY) == 2e9 + 60
    assert read_retry_after(store, "2026-11-22") is None


def test_the_delivery_manifest_counts_too(bucket: Bucket) -> None:
    store = Store(bucket.name)
    manifest = f"responses/dt={DAY}/_manifest.json"
    bucket.put(manifest, json.dumps({"not_before": None}).encode())
    assert read_retry_after(store, DAY) is None
    bucket.put(manifest, json.dumps({"not_before": "2033-05-18T03:33:20Z"}).encode())
    assert read_retry_after(store, DAY) == 2e9
    save_retry_after(store, attempt("jr_1"), "0", 1e9)
    assert read_retry_after(store, DAY) == 2e9


def test_a_time_is_rounded_up(bucket: Bucket) -> None:
    save_retry_after(Store(bucket.name), attempt("jr_3"), "0", 2e9 + 60.5)
    assert read_retry_after(Store(bucket.name), DAY) == 2e9 + 61


def test_a_long_retry_after_is_saved_while_the_task_waits(bucket: Bucket, crm: Emulators) -> None:
    crm.crm("PUT", "faults", json={"status": 429, "retry_after": 6, "after": 10, "first": 3})
    started = time.time()
    result = run_task(task_setup(crm, bucket, attempt("jr_1")), "0", UPDATES)
    assert result.counters.outcomes == {"delivered": 30}
    assert bucket.keys(f"{attempt('jr_1')}pause-") == [f"{attempt('jr_1')}pause-0.json"]
    not_before = read_retry_after(Store(bucket.name), DAY)
    assert not_before is not None
    assert started + 5 < not_before < time.time() + 1


def test_a_short_retry_after_is_not_saved(bucket: Bucket, crm: Emulators) -> None:
    crm.crm("PUT", "faults", json={"status": 429, "retry_after": 1, "after": 10, "first": 1})
    run_task(task_setup(crm, bucket, attempt("jr_1")), "0", UPDATES)
    assert crm.crm("GET", "stats")["requests"] > 30
    assert bucket.keys(f"{attempt('jr_1')}pause-") == []


def test_the_attempt_after_a_killed_one_obeys_it(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(30))
    not_before = time.time() + 3600
    # The killed attempt left nothing else: no manifest and no aggregate.
    save_retry_after(Store(bucket.name), attempt("jr_1"), "2", not_before)
    with pytest.raises(DeliveryFailedError, match="ends after this job's deadline"):
        push(spark, push_arguments(crm, bucket, "jr_2"))
    manifest = bucket.json(f"responses/dt={DAY}/_manifest.json")
    assert manifest["stopped"]["cause"] == "retry_after"
    assert abs(datetime.fromisoformat(manifest["not_before"]).astimezone(UTC).timestamp() - not_before) <= 2
    assert crm.crm("GET", "stats")["requests"] == 0
