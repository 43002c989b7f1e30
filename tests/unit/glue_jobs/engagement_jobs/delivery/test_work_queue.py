from __future__ import annotations

import asyncio
from collections.abc import Iterator

from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery import work_queue
from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.work_queue import WorkQueue
from tests.support.crm_requests import TEMPLATE
from tests.support.delivery_harness import score_updates


def request_of(user_id: str) -> InFlightRequest:
    return InFlightRequest.of(ScoreUpdate(user_id, "1.00", 0), TEMPLATE)


def test_updates_are_read_as_they_are_needed() -> None:
    read = 0

    def updates() -> Iterator[ScoreUpdate]:
        nonlocal read
        for update in score_updates(2_000):
            read += 1
            yield update

    queue = WorkQueue(updates())
    assert queue.next_new() is None
    asyncio.run(queue.refill())
    asyncio.run(queue.refill())
    assert read == work_queue._READ_SIZE
    first = queue.next_new()
    assert first is not None
    assert (first.user_id, queue.started) == ("U000000", 1)
    assert sum(1 for _ in queue.unstarted()) == 1_999


def test_retries_are_ordered_by_their_time() -> None:
    queue = WorkQueue([])
    late, soon = request_of("late"), request_of("soon")
    queue.schedule_retry(20.0, late)
    queue.schedule_retry(10.0, soon)
    assert queue.next_retry(9.9) is None
    assert queue.seconds_until_retry(9.0) == 1.0
    assert queue.next_retry(25.0) is soon
    assert queue.next_retry(25.0) is late
    assert queue.next_retry(25.0) is None
    assert queue.seconds_until_retry(25.0) == float("inf")


def test_throttled_requests_are_not_retries() -> None:
    queue = WorkQueue([])
    throttled, retried = request_of("throttled"), request_of("retried")
    queue.requeue_throttled(throttled)
    queue.schedule_retry(10.0, retried)
    assert queue.waiting == 2
    assert (throttled.is_retry, retried.is_retry) == (False, True)
    assert queue.throttled.take(queue.started) is throttled
    assert queue.throttled.take(queue.started) is None
    assert queue.waiting == 1
    assert list(queue.waiting_requests()) == [retried]


def test_number_of_retries_is_limited() -> None:
    queue = WorkQueue([])
    request = request_of("U1")
    for number in range(work_queue._MAX_RETRIES - 1):
        queue.schedule_retry(float(number), request)
    assert not queue.is_full
    queue.schedule_retry(0.0, request)
    assert queue.is_full


def test_a_held_request_waits_for_others() -> None:
    queue = WorkQueue(score_updates(10))
    asyncio.run(queue.refill())
    held = request_of("held")
    queue.requeue_throttled(held, others_first=2)
    assert (queue.waiting, list(queue.waiting_requests())) == (1, [held])
    for _ in range(2):
        assert queue.throttled.take(queue.started) is None
        queue.next_new()
    assert queue.throttled.take(queue.started) is held
    assert queue.throttled.take_held() is None


def test_a_held_request_is_sent_if_there_are_no_others() -> None:
    queue = WorkQueue([])
    held = request_of("held")
    queue.requeue_throttled(held, others_first=2)
    assert (queue.throttled.take(queue.started), queue.throttled.take_held(), queue.waiting) == (None, held, 0)


def test_a_request_on_a_closed_connection_comes_first() -> None:
    queue = WorkQueue([])
    throttled, resent = request_of("throttled"), request_of("resent")
    queue.requeue_throttled(throttled)
    queue.throttled.add_first(resent)
    assert [queue.throttled.take(queue.started), queue.throttled.take(queue.started)] == [resent, throttled]
    assert not resent.is_retry


def started_after_throttling(*, keep_order: bool) -> list[str]:
    queue = WorkQueue(score_updates(400), keep_order=keep_order)
    asyncio.run(queue.refill())
    queue.requeue_throttled(request_of("throttled"), others_first=10)
    return [update.user_id for _ in range(400) if (update := queue.next_new()) is not None]


def test_after_a_throttled_user_others_are_not_its_neighbors() -> None:
    users = [update.user_id for update in score_updates(400)]
    started = started_after_throttling(keep_order=False)
    assert sorted(started) == users
    assert started[:10] != users[:10]
    assert started_after_throttling(keep_order=True) == users


def test_new_users_are_started_between_throttled_ones() -> None:
    queue = WorkQueue(score_updates(400))
    asyncio.run(queue.refill())
    for number in range(3):
        queue.requeue_throttled(request_of(f"throttled-{number}"), others_first=10)
    taken_at = []
    for _ in range(30):
        queue.next_new()
        if queue.throttled.take(queue.started):
            taken_at.append(queue.started)
    assert taken_at == [10, 13, 16]
