"""Decisions before the first request, and how a job's limits are shared out."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from engagement_jobs.common.aws import Store
from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.push import dispatch
from engagement_jobs.push.dispatch import check_feasible, finished_tasks, share, task_setup, wait_for_retry_after
from tests.support.glue_days import push_arguments
from tests.support.glue_world import SECRET_ID, Bucket, World


@pytest.fixture
def arguments(world: World, bucket: Bucket) -> PushArguments:
    return push_arguments(world, bucket, max_requests_per_second=50, push_tasks=4, deadline_seconds=100)


def test_the_setup_of_the_whole_job(arguments: PushArguments) -> None:
    setup = task_setup(arguments, "folder/", 1000.0, "then", 1000)
    policy = setup.policy
    assert (policy.rate, policy.burst, policy.deadline) == (50, 5, 1100)
    assert policy.endpoint == f"{arguments.base_url}/api/v1/update-score"
    assert (setup.folder, setup.secret_id, setup.started_at) == ("folder/", SECRET_ID, "then")
    # A slow job's burst is one request a task at least, or a task could never send.
    slow = task_setup(replace(arguments, max_requests_per_second=1.0), "folder/", 0.0, "then", 1000)
    assert slow.policy.burst == 4


@pytest.mark.parametrize("tasks", [1, 2, 4, 7])
def test_tasks_share_rate_and_burst(arguments: PushArguments, tasks: int) -> None:
    whole = task_setup(arguments, "folder/", 0.0, "then", 1000)
    part = share(whole, tasks)
    assert part.policy.rate * tasks == pytest.approx(50)
    assert part.policy.burst * tasks == pytest.approx(5)
    assert part.rows == pytest.approx(1000 / tasks, abs=0.5)
    assert replace(part, policy=replace(part.policy, rate=50, burst=5), rows=1000) == whole


def test_what_cannot_be_done_in_time_is_impossible(arguments: PushArguments) -> None:
    assert check_feasible(5000, arguments, 100.0, None) is None
    assert check_feasible(0, arguments, 0.0, None) is None
    stop = check_feasible(5001, arguments, 99.6, 12.0)
    assert stop is not None
    assert (stop.cause, stop.not_before) == ("impossible", 12.0)
    assert stop.detail.startswith("5,001 rows at 50 requests/s take 100 s, but the deadline leaves 100 s.")


def test_holding_back(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    now = time.time()
    assert wait_for_retry_after(None, 10) is None
    assert wait_for_retry_after(now - 5, 10) is None
    assert slept == []
    assert wait_for_retry_after(now + 5, 10) is None
    assert slept == [pytest.approx(5, abs=0.5)]
    stop = wait_for_retry_after(now + 60, 10)
    assert stop is not None
    assert (stop.cause, stop.not_before) == ("retry_after", now + 60)
    assert len(slept) == 1


def test_the_first_stop_names_the_cause_and_the_longest_pause_counts() -> None:
    first, second, third = StopReason("a", "A", 5.0), StopReason("b", "B", 9.0), StopReason("c", "C")
    assert dispatch._later(None, None) is None
    assert dispatch._later(None, second) == second
    assert dispatch._later(first, None) == first
    assert dispatch._later(first, second) == StopReason("a", "A", 9.0)
    assert dispatch._later(second, first) == StopReason("b", "B", 9.0)
    assert dispatch._later(third, first) == StopReason("c", "C", 5.0)
    assert dispatch._later(third, third) == third


def test_only_push_tasks_count_as_finished(arguments: PushArguments, bucket: Bucket) -> None:
    setup = task_setup(arguments, "attempt=x/", 0.0, "then", 1000)
    counters = DeliveryCounters()
    counters.count_request(1_700_000_000.5, is_retry=False)
    counters.count_response(503, 12.0)
    counters.count_request(1_700_000_001.5, is_retry=True)
    counters.count_outcome("unknown", "timeout")
    counters.count_outcome("rejected", "http_422", 422, "urn:x", 3)
    for task in ("0", "11", "canary", "plan", "rest"):
        bucket.put(f"attempt=x/part-{task}-000000.jsonl", b"{}")
        setup_task = counters.aggregate("run", "jr", task, "then")
        Store(bucket.name).write_json(f"attempt=x/agg-{task}.json", setup_task)
    found = finished_tasks(setup)
    assert [document["task"] for document in found] == ["0", "11"]
    assert [DeliveryCounters.from_aggregate(document) for document in found] == [counters, counters]
