"""The next attempt counts what the tasks of a killed attempt sent, from the ledger."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from engagement_jobs.common.aws import Store
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.push.killed_tasks import count_killed_tasks
from tests.support.glue_checks import aggregates, check_push_invariants
from tests.support.glue_days import DAY, push, push_arguments, put_scores, users
from tests.support.glue_emulators import Bucket, Emulators

ATTEMPT = f"responses/dt={DAY}/attempt=jr_1/"


@pytest.fixture
def complete(spark: SparkSession, bucket: Bucket, crm: Emulators) -> dict[str, dict[str, object]]:
    """Aggregates by task of the attempt `jr_1`, which delivered 600 users with some retries."""
    put_scores(bucket, users(600))
    crm.crm("PUT", "faults", json={"status": 503, "fraction": 0.05})
    push(spark, push_arguments(crm, bucket))
    crm.crm("DELETE", "faults")
    return aggregates(bucket, ATTEMPT)


def kill(bucket: Bucket, *tasks: str) -> None:
    """Write what remains of an attempt that is killed after these tasks flushed their ledger, but before they ended."""
    bucket.delete(f"responses/dt={DAY}/_manifest.json", *(f"{ATTEMPT}agg-{task}.json" for task in tasks))


def test_a_complete_attempt_has_nothing_to_count(
    spark: SparkSession, bucket: Bucket, complete: dict[str, dict[str, object]]
) -> None:
    assert len(complete) == 6
    assert count_killed_tasks(spark, Store(bucket.name), ATTEMPT) is None


def test_the_next_attempt_counts_the_killed_one(
    spark: SparkSession, bucket: Bucket, crm: Emulators, complete: dict[str, dict[str, object]]
) -> None:
    kill(bucket, "1", "3")
    manifest = push(spark, push_arguments(crm, bucket, "jr_2"))
    check_push_invariants(bucket, manifest, 600)
    assert (manifest["posts"], manifest["attempts"]) == (0, ["jr_1", "jr_2"])

    documents = aggregates(bucket, ATTEMPT)
    assert documents.keys() == {"plan", "canary", "0", "2", "rest"}
    lost = DeliveryCounters.from_aggregate(complete["1"])
    lost.add(DeliveryCounters.from_aggregate(complete["3"]))
    rest = DeliveryCounters.from_aggregate(documents["rest"])
    assert (rest.posts, rest.retries, rest.outcomes) == (lost.posts, lost.retries, lost.outcomes)
    # Only a user's last response is in the ledger.
    assert rest.status_codes == {"200": rest.rows}
    assert rest.latency.total() == rest.rows
    assert rest.seconds.total() == rest.posts
    assert min(lost.seconds) <= min(rest.seconds) <= max(rest.seconds) <= max(lost.seconds)
    assert documents["rest"]["started_at"] == documents["plan"]["started_at"]

    before = bucket.read(f"{ATTEMPT}agg-rest.json")
    push(spark, push_arguments(crm, bucket, "jr_3"))
    assert bucket.read(f"{ATTEMPT}agg-rest.json") == before


@pytest.mark.parametrize(
    "missing",
    [
        pytest.param(("canary",), id="in the canary"),
        pytest.param(("canary", "0", "1", "2", "3"), id="in all tasks"),
        pytest.param(("canary", "2"), id="while the last users of the canary were sent"),
        pytest.param((), id="before the manifest"),
    ],
)
def test_every_request_of_a_killed_job_is_counted(
    spark: SparkSession,
    bucket: Bucket,
    crm: Emulators,
    complete: dict[str, dict[str, object]],
    missing: tuple[str, ...],
) -> None:
    kill(bucket, *missing)
    push(spark, push_arguments(crm, bucket, "jr_2"))
    documents = aggregates(bucket, ATTEMPT)
    assert documents.keys() == complete.keys() - set(missing) | ({"rest"} if missing else set())
    total = DeliveryCounters()
    for document in documents.values():
        total.add(DeliveryCounters.from_aggregate(document))
    assert total.outcomes == {"delivered": 600}
    assert total.posts == crm.crm("GET", "stats")["requests"]


@pytest.mark.usefixtures("complete")
def test_attempts_of_other_runs_are_not_counted(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    kill(bucket, *"0123")
    put_scores(bucket, users(600), run_id="manual")
    push(spark, push_arguments(crm, bucket, "jr_2", run_id="manual"))
    assert aggregates(bucket, ATTEMPT).keys() == {"plan", "canary"}
