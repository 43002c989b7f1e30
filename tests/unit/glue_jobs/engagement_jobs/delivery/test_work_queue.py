"""What is next, of records in every state of waiting."""

from __future__ import annotations

import asyncio

from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery import work_queue
from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.work_queue import WorkQueue
from tests.support.exchange import records


def request(name: str) -> InFlightRequest:
    return InFlightRequest.of(ScoreUpdate(name, "1.00", 0), "e", "d")


def test_rows_are_read_as_they_are_needed() -> None:
    read = 0

    def rows() -> object:
        nonlocal read
        for record in records(2_000):
            read += 1
            yield record

    waiting = WorkQueue(rows())  # type: ignore[arg-type]
    assert waiting.next_new() is None
    asyncio.run(waiting.refill())
    asyncio.run(waiting.refill())
    assert read == work_queue._CHUNK
    first = waiting.next_new()
    assert first is not None
    assert (first.user_id, waiting.started) == ("U000000", 1)
    assert sum(1 for _ in waiting.unstarted()) == 1_999


def test_retries_come_in_the_order_of_their_time() -> None:
    waiting = WorkQueue([])
    late, soon = request("late"), request("soon")
    waiting.schedule_retry(20.0, late)
    waiting.schedule_retry(10.0, soon)
    assert waiting.next_retry(9.9) is None
    assert waiting.seconds_until_retry(9.0) == 1.0
    assert waiting.next_retry(25.0) is soon
    assert waiting.next_retry(25.0) is late
    assert waiting.next_retry(25.0) is None
    assert waiting.seconds_until_retry(25.0) == float("inf")


def test_who_only_waits_for_the_pace_is_no_retry() -> None:
    waiting = WorkQueue([])
    paced, retried = request("paced"), request("retried")
    waiting.requeue_throttled(paced)
    waiting.schedule_retry(10.0, retried)
    assert (waiting.waiting, waiting.retries) == (2, 1)
    assert waiting.next_throttled() is paced
    assert waiting.next_throttled() is None
    assert waiting.drain() == [retried]
    assert waiting.waiting == 0


def test_retries_are_bounded() -> None:
    waiting = WorkQueue([])
    one = request("U1")
    for number in range(work_queue._MAX_RETRIES - 1):
        waiting.schedule_retry(float(number), one)
    assert not waiting.is_full
    waiting.schedule_retry(0.0, one)
    assert waiting.is_full
