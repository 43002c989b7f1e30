"""When the push job ends FAILED: (rejected + unknown + deferred) / rows against `max_failed_fraction`."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from engagement_jobs.contract.errors import DeliveryFailedError
from tests.support.glue_checks import check_push_invariants
from tests.support.glue_days import DAY, push, push_arguments, put_scores, users
from tests.support.glue_emulators import Bucket, Emulators

ROWS = 60
LIMIT = 0.05  # 3 of 60 users
SENT_BEFORE = 10
MANIFEST = f"responses/dt={DAY}/_manifest.json"
DEFERRED, UNKNOWN = {"status": 503}, {"drop_after": True}


def reject_users(spark: SparkSession, emulators: Emulators, bucket: Bucket, count: int) -> None:
    """Let an earlier attempt of the run send SENT_BEFORE users, of whom the CRM rejects the first `count`."""
    emulators.crm("PUT", "faults", json={"status": 422, "for_users": [f"U{number:05d}" for number in range(count)]})
    push(spark, push_arguments(emulators, bucket, "jr_0", limit=str(SENT_BEFORE), max_failed_fraction=1))
    outcomes = bucket.json(MANIFEST)["outcomes"]
    assert (outcomes["rejected"], outcomes["delivered"]) == (count, SENT_BEFORE - count)


def is_failed(spark: SparkSession, emulators: Emulators, bucket: Bucket, job_run_id: str, *, in_workflow: bool) -> bool:
    arguments = push_arguments(emulators, bucket, job_run_id, max_attempts=1, max_failed_fraction=LIMIT)
    try:
        push(spark, arguments, in_workflow=in_workflow)
    except DeliveryFailedError:
        return True
    return False


@pytest.mark.parametrize(
    ("rejected", "open_users", "fault", "fails_under_airflow", "fails_in_workflow"),
    [
        pytest.param(2, 1, DEFERRED, False, False, id="at the limit"),
        pytest.param(4, 0, DEFERRED, False, True, id="only rejected users, above the limit"),
        pytest.param(0, 4, UNKNOWN, True, True, id="only open users, above the limit"),
        pytest.param(2, 2, DEFERRED, True, True, id="together above the limit"),
        pytest.param(4, 1, UNKNOWN, True, True, id="rejected above the limit, and an open user"),
    ],
)
def test_the_job_fails_if_a_retry_can_help(
    spark: SparkSession,
    bucket: Bucket,
    crm: Emulators,
    rejected: int,
    open_users: int,
    fault: dict[str, Any],
    fails_under_airflow: bool,
    fails_in_workflow: bool,
) -> None:
    put_scores(bucket, users(ROWS))
    if rejected:
        reject_users(spark, crm, bucket, rejected)
    # Spread out, and with one try each, so that the circuit breaker stays closed.
    affected = [f"U{10 * number:05d}" for number in range(1, open_users + 1)]
    crm.crm("PUT", "faults", json=fault | {"for_users": affected})
    expected = {
        "rejected": rejected,
        "unknown": open_users if fault == UNKNOWN else 0,
        "deferred": open_users if fault == DEFERRED else 0,
    }
    for job_run_id, in_workflow, fails in (("jr_1", False, fails_under_airflow), ("jr_2", True, fails_in_workflow)):
        assert is_failed(spark, crm, bucket, job_run_id, in_workflow=in_workflow) is fails
        manifest = bucket.json(MANIFEST)
        check_push_invariants(bucket, manifest, ROWS)
        assert (manifest["job_run_id"], manifest["stopped"]) == (job_run_id, None)
        assert {outcome: manifest["outcomes"][outcome] for outcome in expected} == expected


def test_a_dry_run_in_a_workflow_succeeds(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(ROWS))
    reject_users(spark, crm, bucket, 4)
    arguments = push_arguments(crm, bucket, "jr_1", push_mode="dry_run", max_failed_fraction=LIMIT)
    outcomes = push(spark, arguments, in_workflow=True)["outcomes"]
    assert (outcomes["rejected"], outcomes["planned"]) == (4, ROWS - SENT_BEFORE)
