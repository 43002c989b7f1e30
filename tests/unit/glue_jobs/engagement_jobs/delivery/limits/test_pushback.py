from __future__ import annotations

import pytest

from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.limits.pushback import PushbackStreak
from engagement_jobs.delivery.request_state import InFlightRequest
from tests.support.crm_requests import TEMPLATE


class Responses:
    """A task whose requests are answered at once, one after the other."""

    def __init__(self) -> None:
        self.streak = PushbackStreak(unavailable_timeout=60.0)
        self.now = 0.0
        self.requests: dict[str, InFlightRequest] = {}

    def push_back(self, user: str, announced: float | None = None, sent_at: float | None = None) -> float:
        """Push back, and keep the wait that follows."""
        wait = self.streak.record_pushback(self.request(user, sent_at), "http_429", announced, self.now)
        self.now += wait
        return wait

    def answer(self, *users: str, sent_at: float | None = None) -> None:
        for user in users:
            self.streak.record_answer(self.request(user, sent_at))

    def request(self, user: str, sent_at: float | None = None) -> InFlightRequest:
        self.now += 0.001
        request = self.requests.setdefault(user, InFlightRequest.of(ScoreUpdate(user, "1.00", 0), TEMPLATE))
        request.sent_at = self.now if sent_at is None else sent_at
        self.now += 0.001
        return request


@pytest.fixture
def responses() -> Responses:
    return Responses()


OTHERS = tuple(f"other-{number}" for number in range(30))


def test_waits_double_up_to_30_seconds(responses: Responses) -> None:
    waits = [responses.push_back(f"U{number}") for number in range(8)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


def test_pushback_in_flight_at_the_same_time_counts_once(responses: Responses) -> None:
    sent_at = responses.now
    waits = [responses.push_back(f"U{number}", sent_at=sent_at) for number in range(5)]
    assert waits == [1, 0, 0, 0, 0]
    assert responses.push_back("U9") == 2


def test_an_answer_ends_the_doubling(responses: Responses) -> None:
    responses.push_back("U1")
    responses.push_back("U2")
    responses.answer("U3")
    assert responses.push_back("U4") == 1


def test_an_answer_in_flight_does_not_end_the_doubling(responses: Responses) -> None:
    sent_at = responses.now
    responses.push_back("U1")
    responses.answer("U2", sent_at=sent_at)
    assert responses.push_back("U3") == 2


@pytest.mark.parametrize("announced", [0.5, 3.0, 7200.0])
def test_an_announced_wait_is_kept_as_it_is(responses: Responses, announced: float) -> None:
    assert [responses.push_back(f"U{number}", announced) for number in range(3)] == [announced] * 3


def test_nothing_but_pushback_stops_the_run(responses: Responses) -> None:
    responses.answer("U0")
    for number in range(6):
        assert not responses.streak.stops_run(responses.now)
        responses.push_back(f"U{number}")
    assert responses.streak.stops_run(31.1)
    responses.answer("U0")
    assert not responses.streak.stops_run(1000.0)


@pytest.mark.parametrize("announced", [1.0, 7.0, 600.0])
def test_the_longest_announced_wait_does_not_count(responses: Responses, announced: float) -> None:
    while not responses.streak.stops_run(responses.now):
        responses.push_back(f"U{responses.now}", announced)
    assert 60 <= responses.now - announced < 60 + announced + 1


def test_a_second_long_wait_is_kept_for_a_while(responses: Responses) -> None:
    responses.push_back("U1", 600.0)
    responses.push_back("U2", 600.0)
    responses.push_back("U3", 600.0)
    assert [responses.streak.stops_run(moment) for moment in (601.0, 625.0, 631.0)] == [False, False, True]


def test_one_long_wait_does_not_stop_the_run(responses: Responses) -> None:
    responses.push_back("U1", 3600.0)
    responses.push_back("U2", 5.0)
    assert not responses.streak.stops_run(responses.now)


def test_a_run_of_one_user_is_stopped_too(responses: Responses) -> None:
    for _ in range(8):
        responses.push_back("U1")
    assert responses.streak.stops_run(responses.now)


def test_the_last_user_is_given_up_without_stopping_the_run(responses: Responses) -> None:
    responses.answer(*OTHERS)
    responses.streak.unavailable_timeout = 600
    for _ in range(6):
        assert not responses.streak.gives_up_user(responses.now)
        responses.push_back("U1")
    assert responses.streak.gives_up_user(responses.now)
    assert not responses.streak.stops_run(1e6)


def test_a_user_throttled_alone_makes_no_one_wait(responses: Responses) -> None:
    waits = []
    for _ in range(5):
        waits.append(responses.push_back("U1"))
        responses.answer(*OTHERS)
    assert waits == [1, 0, 0, 0, 0]
    assert responses.requests["U1"].throttled_alone


def test_a_user_throttled_alone_remains_so_at_the_end(responses: Responses) -> None:
    for _ in range(3):
        responses.push_back("U1")
        responses.answer(*OTHERS)
    assert [responses.push_back("U1") for _ in range(2)] == [0, 0]


def test_a_wait_for_a_user_throttled_alone_is_kept(responses: Responses) -> None:
    waits = []
    for _ in range(5):
        waits.append(responses.push_back("U1", 2.0))
        responses.answer(*OTHERS)
    assert waits == [2.0] * 5
    assert responses.requests["U1"].throttled_alone


def test_several_users_throttled_alone_are_recognized(responses: Responses) -> None:
    for _ in range(4):
        for user in ("U1", "U2", "U3"):
            responses.push_back(user)
            responses.answer(*OTHERS)
    assert all(responses.requests[user].throttled_alone for user in ("U1", "U2", "U3"))


def test_no_user_is_alone_while_others_are_throttled(responses: Responses) -> None:
    for number in range(20):
        responses.push_back("U1")
        responses.answer(*OTHERS[:2])
        responses.push_back(f"another-{number}")
    assert not responses.requests["U1"].throttled_alone


def find_lone_users(responses: Responses, users: int) -> None:
    for number in range(users):
        for _ in range(2):
            responses.push_back(f"lone-{number}")
            responses.answer(*OTHERS[:10])


@pytest.mark.parametrize(("lone_users", "wait"), [(0, 1), (2, 1), (3, 0), (9, 0)])
def test_after_several_lone_users_a_new_one_makes_no_one_wait(
    responses: Responses, lone_users: int, wait: float
) -> None:
    find_lone_users(responses, lone_users)
    assert responses.push_back("new") == wait


def test_after_lone_users_pushback_in_a_row_is_obeyed(responses: Responses) -> None:
    find_lone_users(responses, 5)
    waits = [responses.push_back(f"new-{number}") for number in range(14)]
    assert waits == [0] * 9 + [1, 2, 4, 8, 16]


def test_throttled_users_that_are_answered_show_a_shared_limit(responses: Responses) -> None:
    find_lone_users(responses, 3)
    responses.push_back("U1")
    responses.answer("U1")
    assert responses.push_back("U2") == 1


def test_users_throttled_alone_do_not_stop_the_run(responses: Responses) -> None:
    find_lone_users(responses, 9)
    for number in range(9):
        responses.push_back(f"lone-{number}")
    assert not responses.streak.stops_run(1e6)
