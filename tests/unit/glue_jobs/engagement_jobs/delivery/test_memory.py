"""A push task holds what is under way and nothing else: ten times the records take the same memory."""

from __future__ import annotations

import asyncio
import time
import tracemalloc

import pytest

from benchmarks.push.clients import InstantClient
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.dispatcher import DeliveryPolicy, Dispatcher
from engagement_jobs.delivery.ledger import Ledger

# Bytes. One float kept of each of the 45,000 records more, and its place in a list, would be three times that.
_SLACK = 500_000


def _slow_put(key: str, body: bytes) -> None:  # noqa: ARG001 - a ledger's callable
    time.sleep(0.003)


async def _deliver(count: int) -> Dispatcher:
    policy = DeliveryPolicy(
        endpoint="http://crm.invalid/api/v1/update-score",
        score_date="2026-11-23",
        run_id="scheduled__2026-11-23T03:00:00+00:00",
        rate=1e9,
        burst=1e9,
        max_concurrency=32,
        max_attempts=5,
        deadline=time.time() + 100,
        unavailable_timeout=20,
    )
    delivery = Dispatcher(policy, InstantClient(fail_every=50), Ledger(_slow_put, "attempt=a/", "0"))
    await delivery.run(ScoreUpdate(f"U{number:09d}", f"{number % 100}.50", 0) for number in range(count))
    return delivery


def _peak(count: int) -> int:
    """Bytes that Python objects took at most, beyond those that were there before."""
    tracemalloc.start()
    try:
        delivery = asyncio.run(_deliver(count))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert dict(delivery.counters.outcomes) == {"delivered": count}
    assert delivery.counters.retries >= count // 50
    return peak


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let as many records wait to be tried again in a short run as in a long one, and import what is imported late."""
    monkeypatch.setattr("engagement_jobs.delivery.dispatcher.backoff", lambda _: 0.05)
    asyncio.run(_deliver(1_000))


@pytest.mark.usefixtures("steady")
def test_memory_does_not_grow_with_the_number_of_records() -> None:
    few, many = _peak(5_000), _peak(50_000)

    assert many <= few + _SLACK
