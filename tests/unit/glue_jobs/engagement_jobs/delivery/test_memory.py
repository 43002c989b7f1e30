from __future__ import annotations

import asyncio
import time
import tracemalloc

import pytest

from benchmarks.push.clients import InstantClient
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.dispatcher import Dispatcher
from engagement_jobs.delivery.ledger import Ledger
from tests.support.delivery_harness import delivery_settings

# Bytes. One float kept per user, and its place in a list, would take three times that for 45,000 more users.
_TOLERANCE = 500_000


def _slow_put(key: str, body: bytes) -> None:  # noqa: ARG001 - signature of the ledger's `put`
    time.sleep(0.003)


async def _deliver(count: int) -> Dispatcher:
    settings = delivery_settings(rate=1e9, burst=1e9, deadline=time.time() + 100)
    updates = (ScoreUpdate(f"U{number:09d}", f"{number % 100}.50", 0) for number in range(count))
    dispatcher = Dispatcher(settings, InstantClient(fail_every=50), Ledger(_slow_put, "attempt=a/", "0"), updates)
    await dispatcher.run()
    return dispatcher


def _peak(count: int) -> int:
    """Return the peak size of the Python objects that a delivery allocates, in bytes."""
    tracemalloc.start()
    try:
        dispatcher = asyncio.run(_deliver(count))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert dict(dispatcher.counters.outcomes) == {"delivered": count}
    assert dispatcher.counters.retries >= count // 50
    return peak


@pytest.fixture
def steady_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a short run have as many waiting retries as a long one, and import modules that are imported late."""
    monkeypatch.setattr("engagement_jobs.delivery.retries.backoff", lambda _: 0.05)
    asyncio.run(_deliver(1_000))


@pytest.mark.usefixtures("steady_state")
def test_memory_does_not_grow_with_the_number_of_users() -> None:
    assert _peak(50_000) <= _peak(5_000) + _TOLERANCE
