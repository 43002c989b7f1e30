"""Attempts of a run are found by their first aggregate."""

from __future__ import annotations

from engagement_jobs.common.aws import Store
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.push.attempts import Attempt, EarlierAttempts, compare_attempts, find_attempts
from tests.support.crm_requests import TEMPLATE, template
from tests.support.glue_days import DAY, RUN_ID
from tests.support.glue_emulators import Bucket


def attempt(job_run_id: str, started_at: str, run_id: str = RUN_ID) -> Attempt:
    return Attempt(f"responses/dt={DAY}/attempt={job_run_id}/", run_id, job_run_id, started_at)


def test_attempts_of_a_run_are_found_oldest_first(bucket: Bucket) -> None:
    store = Store(bucket.name)
    second, first = attempt("jr_1", f"{DAY}T04:00:00Z"), attempt("jr_2", f"{DAY}T03:00:00Z")
    other = attempt("jr_3", f"{DAY}T05:00:00Z", run_id="manual")
    for each in (second, first, other):
        each.write_aggregate(store, "plan", DeliveryCounters())
    bucket.put(f"responses/dt={DAY}/attempt=jr_4/part-0-000000.jsonl", b"{}")  # killed before its first aggregate
    assert find_attempts(store, DAY, RUN_ID) == [first, second]
    assert find_attempts(store, DAY, "manual") == [other]
    assert find_attempts(store, "2026-11-22", RUN_ID) == []


def test_an_aggregate_names_its_attempt_and_task(bucket: Bucket) -> None:
    attempt("jr_1", f"{DAY}T04:00:00Z").write_aggregate(Store(bucket.name), "canary", DeliveryCounters())
    document = bucket.json(f"responses/dt={DAY}/attempt=jr_1/agg-canary.json")
    assert (document["run_id"], document["job_run_id"], document["task"]) == (RUN_ID, "jr_1", "canary")
    assert document["started_at"] == f"{DAY}T04:00:00Z"


def test_earlier_attempts_are_compared_by_shape_and_endpoint(bucket: Bucket) -> None:
    store = Store(bucket.name)
    same, other = template(path="/u/{user_id}"), template(path="/u/{user_id}", method="PUT")
    moved = template("https://moved.example.com", path="/u/{user_id}")
    for job_run_id, sent in (("jr_same", same), ("jr_other", other), ("jr_moved", moved), ("jr_default", TEMPLATE)):
        attempt(job_run_id, f"{DAY}T03:00:00Z").write_endpoint(store, sent)
    # Of an older release, and of one that was killed before it wrote its endpoint.
    older = f'{{"version": 1, "endpoint": "{TEMPLATE.endpoint}"}}'.encode()
    bucket.put(f"responses/dt={DAY}/attempt=jr_older/endpoint.json", older)
    bucket.put(f"responses/dt={DAY}/attempt=jr_killed/agg-plan.json", b"{}")

    by_default = ("jr_default", "jr_killed", "jr_older")
    assert compare_attempts(store, DAY, same) == EarlierAttempts(("jr_same",), (*by_default, "jr_other"))
    assert compare_attempts(store, DAY, TEMPLATE) == EarlierAttempts(
        ("jr_default", "jr_older"), ("jr_moved", "jr_other", "jr_same")
    )
    assert compare_attempts(store, "2026-11-22", same) == EarlierAttempts()
