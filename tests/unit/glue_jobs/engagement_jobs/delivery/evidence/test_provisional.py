"""When provisional rejections are shared, and that their list is bounded."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.evidence.provisional import ProvisionalRejections
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.limits.circuit_breaker import CircuitBreaker
from engagement_jobs.delivery.outcome_recorder import OutcomeRecorder
from engagement_jobs.delivery.request_state import InFlightRequest
from tests.support.crm_requests import TEMPLATE


def refusal(status: int, *, replayed: bool = False) -> ResponseClassification:
    return ResponseClassification(Action.REJECT, "rejected", f"http_{status}", replayed=replayed)


def request_of(user_id: str) -> InFlightRequest:
    return InFlightRequest.of(ScoreUpdate(user_id, "1.00", 0), TEMPLATE)


@dataclass
class Task:
    """The rejections of one task with their breaker and outcomes. Requests are sent at 0 and answered at once."""

    breaker: CircuitBreaker = field(default_factory=lambda: CircuitBreaker(unavailable_timeout=60))
    sent: int = 0

    def __post_init__(self) -> None:
        self.recorder = OutcomeRecorder(Ledger(lambda *_: None, "", "0"), None, "run")
        self.rejections = ProvisionalRejections(self.breaker, self.recorder)

    def succeed(self, number: int | None = None, sent_at: float = 1.0) -> None:
        """Record a success.

        :param number: place in the order of sending; by default the request is the last one
        """
        self.sent += 1
        request = request_of("U2")
        request.number, request.sent_at = self.sent if number is None else number, sent_at
        self.rejections.record_success(request)

    def refuse(self, count: int, status: int = 404, *, replayed: bool = False, in_flight: int = 0) -> None:
        """Refuse so many users.

        :param in_flight: requests that are not answered yet
        """
        for _ in range(count):
            self.sent += 1
            request = request_of("U1")
            request.number = self.sent
            self.rejections.add(request, refusal(status, replayed=replayed), 0.0)
            self.rejections.decide(0.0, in_flight)

    @property
    def outcomes(self) -> dict[str, int]:
        return dict(self.recorder.counters.outcomes)

    @property
    def is_open(self) -> bool:
        return self.breaker.opened_at is not None


@pytest.fixture
def task() -> Task:
    return Task()


def test_20_in_a_row_are_shared(task: Task) -> None:
    task.refuse(19)
    assert (task.outcomes, task.is_open) == ({}, False)
    task.refuse(1)
    assert (task.outcomes, task.is_open) == ({"deferred": 20}, True)


def test_other_reason_starts_a_new_row(task: Task) -> None:
    for status in (404, 400, 422):
        task.refuse(19, status)
    assert not task.is_open
    task.refuse(1, 422)
    assert task.outcomes == {"deferred": 58}


def test_success_rejects_the_listed_users(task: Task) -> None:
    task.refuse(19)
    task.succeed()
    assert task.outcomes == {"rejected": 19}
    task.refuse(19)
    assert not task.is_open


def test_row_waits_for_the_requests_in_flight(task: Task) -> None:
    task.refuse(22, in_flight=3)
    holds = [task.rejections.hold.is_active]
    for now in (4.9, 5.0):
        task.rejections.decide(now, 3)
        holds.append(task.rejections.hold.is_active)
    assert holds == [True, True, False]
    assert (task.outcomes, task.is_open) == ({"deferred": 22}, True)


@pytest.mark.parametrize(("number", "shared"), [(0, True), (1, True), (3, False), (10, False), (22, False)])
def test_slower_success_of_the_same_time_breaks_the_row(task: Task, number: int, *, shared: bool) -> None:
    task.refuse(21, in_flight=1)
    task.succeed(number, sent_at=-0.1)
    task.rejections.decide(0.0, 0)
    assert not task.rejections.hold.is_active
    assert (task.outcomes, task.is_open) == (({"deferred": 21}, True) if shared else ({}, False))


def test_earlier_sent_success_rejects_no_one(task: Task) -> None:
    task.refuse(19)
    task.succeed(0, sent_at=-0.1)
    assert task.outcomes == {}
    task.refuse(1)
    assert task.outcomes == {"deferred": 20}


def test_earlier_sent_success_does_not_end_a_shared_refusal(task: Task) -> None:
    task.refuse(20)
    task.succeed(0, sent_at=-0.1)
    task.refuse(1)
    assert task.outcomes == {"deferred": 21}


def test_many_refusals_within_one_round_trip_are_not_shared(task: Task) -> None:
    for _ in range(150):
        task.refuse(1)
        task.succeed(sent_at=-0.1)
    assert not task.is_open
    assert task.outcomes == {"rejected": 99}
    task.succeed()
    assert task.outcomes == {"rejected": 150}


def test_90_of_the_last_100_answers_are_shared(task: Task) -> None:
    for _ in range(9):
        task.refuse(9)
        task.succeed()
    task.refuse(8)
    assert (task.outcomes, task.is_open) == ({"rejected": 81}, False)
    task.refuse(1)
    assert (task.outcomes, task.is_open) == ({"rejected": 81, "deferred": 9}, True)


def test_80_of_the_last_100_answers_are_not_shared(task: Task) -> None:
    for _ in range(100):
        task.refuse(4)
        task.succeed()
    assert (task.outcomes, task.is_open) == ({"rejected": 400}, False)


def test_list_has_at_most_100_users(task: Task) -> None:
    for number in range(99):
        task.refuse(1, 400 + number % 2)
    assert (task.outcomes, task.is_open) == ({}, False)
    task.refuse(1, 422)
    assert (task.outcomes, task.is_open) == ({"deferred": 100}, True)


def test_refusals_while_it_is_open_are_shared_too(task: Task) -> None:
    task.refuse(20)
    task.refuse(3, 400)
    assert task.outcomes == {"deferred": 23}
    task.succeed()
    task.refuse(3)
    assert task.outcomes == {"deferred": 23}


@pytest.mark.parametrize("count", [1, 20, 130])
def test_replays_are_deferred_and_not_counted(task: Task, count: int) -> None:
    task.refuse(count, replayed=True)
    assert not task.is_open
    assert task.outcomes == {"deferred": count}
    task.refuse(2)
    task.succeed()
    assert task.outcomes == {"deferred": count, "rejected": 2}


@pytest.mark.parametrize(
    ("count", "has_success", "outcomes"),
    [
        (2, True, {"rejected": 2}),
        (2, False, {"deferred": 2}),
        (3, True, {"deferred": 3}),
        (5, True, {"deferred": 5}),
    ],
)
def test_end_of_the_task_settles_the_list(
    task: Task, count: int, outcomes: dict[str, int], *, has_success: bool
) -> None:
    task.refuse(count)
    task.rejections.finish(has_success=has_success)
    assert task.outcomes == outcomes


def test_end_of_the_task_defers_only_the_last_row(task: Task) -> None:
    task.refuse(4, 400)
    task.refuse(3, 404)
    task.rejections.finish(has_success=True)
    assert task.outcomes == {"rejected": 4, "deferred": 3}
