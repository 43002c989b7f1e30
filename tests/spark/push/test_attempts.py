"""What a killed attempt left, counted by the next one from its ledger."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from engagement_jobs.common.aws import Store
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.push.attempts import of_run, uncounted
from tests.support.glue_checks import aggregates, check_push_invariants
from tests.support.glue_days import DAY, RUN_ID, push, push_arguments, put_scores, users
from tests.support.glue_world import Bucket, World

ATTEMPT = f"responses/dt={DAY}/attempt=jr_1/"


@pytest.fixture
def day(spark: SparkSession, bucket: Bucket, crm: World) -> dict[str, dict[str, object]]:
    """A day of 600 with some retries, delivered by `jr_1`; its aggregates by task."""
    put_scores(bucket, users(600))
    crm.crm("PUT", "faults", json={"status": 503, "fraction": 0.05})
    push(spark, push_arguments(crm, bucket))
    crm.crm("DELETE", "faults")
    return aggregates(bucket, ATTEMPT)


def killed(bucket: Bucket, *tasks: str) -> None:
    """As if the attempt was killed when these tasks had flushed everything but not ended."""
    bucket.delete(f"responses/dt={DAY}/_manifest.json", *(f"{ATTEMPT}agg-{task}.json" for task in tasks))


def test_an_attempt_that_ended_has_nothing_uncounted(
    spark: SparkSession, bucket: Bucket, day: dict[str, dict[str, object]]
) -> None:
    assert len(day) == 6
    assert uncounted(spark, Store(bucket.name), ATTEMPT) is None


def test_the_next_attempt_counts_the_killed_one(
    spark: SparkSession, bucket: Bucket, crm: World, day: dict[str, dict[str, object]]
) -> None:
    killed(bucket, "1", "3")
    manifest = push(spark, push_arguments(crm, bucket, "jr_2"))
    check_push_invariants(bucket, manifest, 600)
    assert (manifest["posts"], manifest["attempts"]) == (0, ["jr_1", "jr_2"])

    found = aggregates(bucket, ATTEMPT)
    assert found.keys() == {"plan", "canary", "0", "2", "rest"}
    wanted = DeliveryCounters.from_aggregate(day["1"])
    wanted.add(DeliveryCounters.from_aggregate(day["3"]))
    rest = DeliveryCounters.from_aggregate(found["rest"])
    assert (rest.posts, rest.retries, rest.outcomes) == (wanted.posts, wanted.retries, wanted.outcomes)
    # What is lost with a task are the answers before a record's last one.
    assert rest.status_codes == {"200": rest.rows}
    assert rest.latency.total() == rest.rows
    assert rest.seconds.total() == rest.posts
    assert min(wanted.seconds) <= min(rest.seconds) <= max(rest.seconds) <= max(wanted.seconds)
    assert found["rest"]["started_at"] == found["plan"]["started_at"]

    # Once is enough.
    before = bucket.read(f"{ATTEMPT}agg-rest.json")
    push(spark, push_arguments(crm, bucket, "jr_3"))
    assert bucket.read(f"{ATTEMPT}agg-rest.json") == before


@pytest.mark.usefixtures("day")
def test_attempts_of_other_runs_are_left_to_them(spark: SparkSession, bucket: Bucket, crm: World) -> None:
    killed(bucket, *"0123")
    put_scores(bucket, users(600), run_id="manual")
    push(spark, push_arguments(crm, bucket, "jr_2", run_id="manual"))
    assert aggregates(bucket, ATTEMPT).keys() == {"plan", "canary"}
    store = Store(bucket.name)
    assert [attempt.job_run_id for attempt in of_run(store, DAY, RUN_ID)] == ["jr_1"]
    assert [attempt.job_run_id for attempt in of_run(store, DAY, "manual")] == ["jr_2"]
