"""What is next, of records in every state of waiting."""

from __future__ import annotations

import asyncio

from engagement_jobs.crm_client.score_update import Record
from engagement_jobs.delivery import work_queue
from engagement_jobs.delivery.request_state import Flight
from engagement_jobs.delivery.work_queue import Backlog
from tests.support.exchange import records


def flight(name: str) -> Flight:
    return Flight.of(Record(name, "1.00", 0), "e", "d")


def test_rows_are_read_as_they_are_needed() -> None:
    read = 0

    def rows() -> object:
        nonlocal read
        for record in records(2_000):
            read += 1
            yield record

    waiting = Backlog(rows())  # type: ignore[arg-type]
    assert waiting.fresh() is None
    asyncio.run(waiting.fill())
    asyncio.run(waiting.fill())
    assert read == work_queue._CHUNK
    first = waiting.fresh()
    assert first is not None
    assert (first.user_id, waiting.opened) == ("U000000", 1)
    assert sum(1 for _ in waiting.unopened()) == 1_999


def test_retries_come_in_the_order_of_their_time() -> None:
    waiting = Backlog([])
    late, soon = flight("late"), flight("soon")
    waiting.again_at(20.0, late)
    waiting.again_at(10.0, soon)
    assert waiting.due(9.9) is None
    assert waiting.until_due(9.0) == 1.0
    assert waiting.due(25.0) is soon
    assert waiting.due(25.0) is late
    assert waiting.due(25.0) is None
    assert waiting.until_due(25.0) == float("inf")


def test_who_only_waits_for_the_pace_is_no_retry() -> None:
    waiting = Backlog([])
    paced, retried = flight("paced"), flight("retried")
    waiting.again_at_the_servers_pace(paced)
    waiting.again_at(10.0, retried)
    assert (waiting.waiting, waiting.retries) == (2, 1)
    assert waiting.paced() is paced
    assert waiting.paced() is None
    assert waiting.abandon() == [retried]
    assert waiting.waiting == 0


def test_retries_are_bounded() -> None:
    waiting = Backlog([])
    one = flight("U1")
    for number in range(work_queue._MOST_RETRIES - 1):
        waiting.again_at(float(number), one)
    assert not waiting.crowded
    waiting.again_at(0.0, one)
    assert waiting.crowded
