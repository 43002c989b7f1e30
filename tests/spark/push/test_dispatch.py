"""Decisions before the first request, and each task's share of the job's limits."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from engagement_jobs.common.aws import Store
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.limits.canary import Canary, straggler_rate
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.push import dispatch
from engagement_jobs.push.dispatch import (
    after_canary,
    check_feasible,
    divide_limits,
    read_finished_tasks,
    wait_for_retry_after,
)
from tests.support.glue_days import task_setup
from tests.support.glue_emulators import Bucket, Emulators


@pytest.mark.parametrize("tasks", [1, 2, 4, 7])
def test_tasks_share_rate_and_burst(emulators: Emulators, bucket: Bucket, tasks: int) -> None:
    job = task_setup(emulators, bucket, "attempt=x/", 1000, max_requests_per_second=50, push_tasks=4)
    task = divide_limits(job, tasks)
    assert task.settings.rate * tasks == pytest.approx(50)
    assert task.settings.burst * tasks == pytest.approx(5)
    assert task.rows == pytest.approx(1000 / tasks, abs=0.5)
    assert replace(task, settings=replace(task.settings, rate=50, burst=5, tasks=1), rows=1000) == job


@pytest.mark.parametrize(("rate", "share", "burst"), [(5, 0.25, 4), (50, 1, 4), (400, 1, 39)])
def test_the_canary_shares_the_rate_until_it_ends(
    emulators: Emulators, bucket: Bucket, rate: float, share: float, burst: float
) -> None:
    job = task_setup(emulators, bucket, "attempt=x/", 1000, max_requests_per_second=rate, push_tasks=4)
    canary = Canary()
    assert after_canary(job, 4, canary) == job
    canary.start("U1", 0.0)
    rest = after_canary(job, 4, canary)
    assert (rest.settings.rate, rest.settings.burst, rest.rows) == (rate - share, burst, 999)
    assert rest.settings.rate + straggler_rate(rate) == rate


def test_too_many_rows_for_the_deadline_are_refused() -> None:
    assert check_feasible(5000, 50, 100.0, None) is None
    stop_reason = check_feasible(5001, 50, 99.6, 12.0)
    assert stop_reason is not None
    assert (stop_reason.cause, stop_reason.not_before) == ("impossible", 12.0)
    assert stop_reason.detail.startswith("5,001 rows at 50 requests/s take 100 s, but the deadline leaves 100 s.")


def test_retry_after_of_an_earlier_attempt_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    now = time.time()
    assert wait_for_retry_after(None, 10) is None
    assert wait_for_retry_after(now - 5, 10) is None
    assert slept == []
    assert wait_for_retry_after(now + 5, 10) is None
    assert slept == [pytest.approx(5, abs=0.5)]
    stop_reason = wait_for_retry_after(now + 60, 10)
    assert stop_reason is not None
    assert (stop_reason.cause, stop_reason.not_before) == ("retry_after", now + 60)
    assert len(slept) == 1


def test_the_first_cause_and_the_latest_retry_after_count() -> None:
    first, second, third = StopReason("a", "A", 5.0), StopReason("b", "B", 9.0), StopReason("c", "C")
    assert dispatch._merge(None, None) is None
    assert dispatch._merge(None, second) == second
    assert dispatch._merge(first, None) == first
    assert dispatch._merge(first, second) == StopReason("a", "A", 9.0)
    assert dispatch._merge(second, first) == StopReason("b", "B", 9.0)
    assert dispatch._merge(third, first) == StopReason("c", "C", 5.0)
    assert dispatch._merge(third, third) == third


def test_only_push_tasks_count_as_finished(bucket: Bucket) -> None:
    counters = DeliveryCounters()
    counters.count_request(1_700_000_000.5, is_retry=False)
    counters.count_response(503, 12.0)
    counters.count_request(1_700_000_001.5, is_retry=True)
    counters.count_outcome("unknown", "timeout")
    counters.count_outcome("rejected", "http_422", 422, "urn:x", 3)
    store = Store(bucket.name)
    for task in ("canary", "plan", "rest"):
        store.write_json(f"attempt=x/agg-{task}.json", DeliveryCounters().aggregate("run", "jr", task, "then"))
    for task in ("0", "11"):
        bucket.put(f"attempt=x/part-{task}-000000.jsonl", b"{}")
        store.write_json(f"attempt=x/agg-{task}.json", counters.aggregate("run", "jr", task, "then"))
    assert read_finished_tasks(store, "attempt=x/") == [counters, counters]
