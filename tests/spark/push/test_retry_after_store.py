"""The next attempt knows a long Retry-After, even if the job was killed."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import SparkSession

from engagement_jobs.common.aws import Store
from engagement_jobs.contract.errors import DeliveryFailedError
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.push.retry_after_store import EarlierPause, read_retry_after, save_retry_after
from engagement_jobs.push.task import run_task
from tests.support.glue_days import DAY, RUN_ID, push, push_arguments, put_scores, task_setup, users
from tests.support.glue_emulators import Bucket, Emulators

UPDATES = [ScoreUpdate(f"U{number}", "1.00", 0) for number in range(30)]


MANIFEST = f"responses/dt={DAY}/_manifest.json"
FAR_AWAY = datetime(2033, 5, 18, 3, 33, 20, tzinfo=UTC).timestamp()


def attempt(job_run_id: str) -> str:
    return f"responses/dt={DAY}/attempt={job_run_id}/"


def save(bucket: Bucket, job_run_id: str, task: str, not_before: float, overriding_run: str | None = None) -> None:
    save_retry_after(Store(bucket.name), attempt(job_run_id), task, not_before, overriding_run)


def read(crm: Emulators, bucket: Bucket, *, in_workflow: bool = False, **changes: Any) -> EarlierPause:
    arguments: dict[str, Any] = {"max_retry_after_seconds": 1e9} | changes
    return read_retry_after(Store(bucket.name), push_arguments(crm, bucket, **arguments), in_workflow=in_workflow)


def test_the_latest_time_of_all_attempts_counts(crm: Emulators, bucket: Bucket) -> None:
    assert read(crm, bucket) == EarlierPause(None, None)
    for job_run_id, task, seconds in (("jr_1", "0", 0), ("jr_1", "1", 60), ("jr_2", "canary", 7)):
        save(bucket, job_run_id, task, FAR_AWAY + seconds)
    assert read(crm, bucket).not_before == FAR_AWAY + 60
    assert read(crm, bucket, score_date="2026-11-22").not_before is None


def test_the_delivery_manifest_counts_too(crm: Emulators, bucket: Bucket) -> None:
    bucket.put(MANIFEST, json.dumps({"not_before": None}).encode())
    assert read(crm, bucket).not_before is None
    bucket.put(MANIFEST, json.dumps({"not_before": "2033-05-18T03:33:20Z"}).encode())
    assert read(crm, bucket).not_before == FAR_AWAY
    save(bucket, "jr_1", "0", 1e9)
    assert read(crm, bucket).not_before == FAR_AWAY


def test_a_time_is_rounded_up(crm: Emulators, bucket: Bucket) -> None:
    save(bucket, "jr_3", "0", FAR_AWAY + 60.5)
    assert read(crm, bucket).not_before == FAR_AWAY + 61


def test_a_pause_of_an_older_release_is_shortened(
    crm: Emulators, bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    """An older release took an epoch second for a pause of a year."""
    document = {"version": 1, "not_before": "2027-11-29T03:33:20Z"}
    bucket.put(f"{attempt('jr_1')}pause-0.json", json.dumps(document).encode())
    not_before = read(crm, bucket, max_retry_after_seconds=600).not_before
    assert not_before is not None
    assert 590 < not_before - time.time() < 610
    assert "2027-11-29T03:33:20Z; shortened to" in caplog.text


@pytest.mark.parametrize("manifest", [None, {"not_before": "2033-05-18T03:33:20Z", "run_id": RUN_ID}])
def test_the_override_ignores_what_earlier_runs_stored(
    crm: Emulators, bucket: Bucket, manifest: dict[str, str] | None
) -> None:
    save(bucket, "jr_1", "0", FAR_AWAY - 7)
    if manifest:
        bucket.put(MANIFEST, json.dumps(manifest).encode())
    ignored = FAR_AWAY if manifest else FAR_AWAY - 7
    assert read(crm, bucket, ignore_retry_after="true") == EarlierPause(None, ignored)
    assert read(crm, bucket).not_before == ignored


def test_the_override_obeys_what_the_crm_requests_during_the_run(crm: Emulators, bucket: Bucket) -> None:
    """Airflow repeats a failed attempt with the same params."""
    save(bucket, "jr_1", "0", FAR_AWAY)
    save(bucket, "jr_2", "0", FAR_AWAY - 60, RUN_ID)
    assert read(crm, bucket, ignore_retry_after="true") == EarlierPause(FAR_AWAY - 60, FAR_AWAY)
    another = read(crm, bucket, ignore_retry_after="true", run_id="manual__1")
    assert another == EarlierPause(None, FAR_AWAY)
    # Nothing repeats a workflow, and a manual start for the same date has the same run id.
    assert read(crm, bucket, ignore_retry_after="true", in_workflow=True) == EarlierPause(None, FAR_AWAY)


def test_a_pause_that_is_over_is_not_reported_as_ignored(crm: Emulators, bucket: Bucket) -> None:
    save(bucket, "jr_1", "0", time.time() - 5)
    assert read(crm, bucket, ignore_retry_after="true") == EarlierPause(None, None)


def test_a_long_retry_after_is_saved_while_the_task_waits(bucket: Bucket, crm: Emulators) -> None:
    crm.crm("PUT", "faults", json={"status": 429, "retry_after": 6, "after": 10, "first": 3})
    started = time.time()
    result = run_task(task_setup(crm, bucket, attempt("jr_1")), "0", UPDATES)
    assert result.counters.outcomes == {"delivered": 30}
    assert bucket.keys(f"{attempt('jr_1')}pause-") == [f"{attempt('jr_1')}pause-0.json"]
    not_before = read(crm, bucket).not_before
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
    save(bucket, "jr_1", "2", not_before)
    with pytest.raises(DeliveryFailedError, match="ends after this job's deadline"):
        push(spark, push_arguments(crm, bucket, "jr_2"))
    manifest = bucket.json(f"responses/dt={DAY}/_manifest.json")
    assert manifest["stopped"]["cause"] == "retry_after"
    assert abs(datetime.fromisoformat(manifest["not_before"]).astimezone(UTC).timestamp() - not_before) <= 2
    assert crm.crm("GET", "stats")["requests"] == 0


def test_a_run_can_override_a_stored_pause(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(30))
    save(bucket, "jr_1", "2", FAR_AWAY)
    manifest = push(spark, push_arguments(crm, bucket, "jr_2", ignore_retry_after="true"))
    assert (manifest["outcomes"]["delivered"], manifest["not_before"]) == (30, None)
    assert manifest["retry_after_ignored"] == "2033-05-18T03:33:20Z"
    assert crm.crm("GET", "stats")["requests"] == 30
