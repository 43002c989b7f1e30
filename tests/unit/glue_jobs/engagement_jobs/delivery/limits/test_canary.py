from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.limits.canary import SIZE, Canary
from engagement_jobs.delivery.request_state import InFlightRequest
from tests.support.crm_requests import TEMPLATE

DELIVERED = ResponseClassification(Action.FINALIZE, "delivered", "http_200")
NOT_FOUND = ResponseClassification(Action.REJECT, "rejected", "http_404")
NOT_FINAL = ResponseClassification(Action.RETRY, "deferred", "http_503")
TIMEOUT = ResponseClassification(Action.RETRY, "unknown", "timeout")
HTML = ResponseClassification(Action.RETRY, "unknown", "http_200_html")


@dataclass
class Users:
    """Starts users of a canary and records their answers.

    :param earlier_refusal: of all users
    """

    canary: Canary = field(default_factory=Canary)
    earlier_refusal: str | None = None
    requests: list[InFlightRequest] = field(default_factory=list)

    def start(self, now: float = 0.0) -> int:
        """Start all users that the canary allows; return how many were started so far."""
        while len(self.requests) < 1000 and self.canary.allows(len(self.requests), now):
            update = ScoreUpdate(f"U{len(self.requests)}", "1.00", 0, earlier_refusal=self.earlier_refusal)
            self.requests.append(InFlightRequest.of(update, TEMPLATE))
            self.canary.start(update.user_id, now)
        return len(self.requests)

    def answer(self, first: int, last: int, classification: ResponseClassification = DELIVERED) -> None:
        """Answer the requests of the users from `first` to before `last`."""
        for request in itertools.islice(self.requests, first, last):
            request.status = None if classification is TIMEOUT else 200
            self.canary.record(request, classification)


def started(count: int, canary: Canary | None = None) -> Users:
    """Return users of whom `count` were started: the others wait for answers."""
    users = Users(canary or Canary())
    while users.start() < count:
        users.answer(0, 1) if len(users.requests) == 1 else users.answer(1, len(users.requests))
    return users


def test_starts_1_then_10_then_100_users() -> None:
    users = Users()
    assert users.start() == 1
    users.answer(0, 1)
    assert users.start() == 11
    users.answer(1, 10)
    assert users.start() == SIZE == 111


def test_answer_that_is_not_final_makes_room_for_another_user() -> None:
    users = Users()
    users.start()
    users.answer(0, 1, NOT_FINAL)
    assert users.start() == 2


def test_user_without_an_answer_makes_room_after_5_seconds() -> None:
    users = Users()
    users.start()
    assert users.start(now=4.9) == 1
    assert users.start(now=5.0) == 2


def test_at_most_10_users_make_room() -> None:
    users = Users()
    for _ in range(100):
        users.answer(0, users.start(), NOT_FINAL)
    assert users.start() == 11


def test_passes_with_90_percent_of_its_users() -> None:
    users = started(111)
    users.answer(11, 99)
    assert not users.canary.update(0.0)
    assert not users.canary.passed
    users.answer(99, 100)
    users.canary.update(0.0)
    assert users.canary.passed


def test_smaller_canary_passes_with_90_percent_of_its_users() -> None:
    users = started(11, Canary(users=20))
    users.answer(1, 11)
    users.start()
    users.answer(11, 17)
    users.canary.update(0.0)
    assert not users.canary.passed
    users.answer(17, 18)
    users.canary.update(0.0)
    assert users.canary.passed


def test_waits_5_seconds_for_its_last_users() -> None:
    users = started(111)
    users.answer(11, 108)
    assert not users.canary.update(100.0)
    assert users.canary.stragglers == 3
    assert not users.canary.update(104.9)
    assert users.canary.update(105.0)
    users.answer(108, 111)
    assert users.canary.stragglers == 0


def test_does_not_wait_when_all_users_are_answered() -> None:
    users = started(111)
    users.answer(11, 111)
    assert users.canary.update(100.0)


def test_refusals_alone_do_not_pass() -> None:
    users = Users(Canary(users=1))
    users.start()
    users.answer(0, 1, NOT_FOUND)
    users.canary.update(0.0)
    assert not users.canary.passed
    assert users.canary.refusals == {"http_404": 1}


def test_replayed_and_known_refusals_are_no_evidence() -> None:
    for users, classification in (
        (Users(Canary(users=1)), replace(NOT_FOUND, replayed=True)),
        (Users(Canary(users=1), earlier_refusal="http_404"), NOT_FOUND),
    ):
        users.start()
        users.answer(0, 1, classification)
        users.canary.update(0.0)
        assert users.canary.passed
        assert not users.canary.had_success
        assert not users.canary.refusals


def test_counts_users_without_any_answer() -> None:
    users = Users()
    users.start()
    users.answer(0, 1, TIMEOUT)
    users.start()
    assert users.canary.unanswered(4.9) == 1
    assert users.canary.unanswered(5.0) == 2
    assert not users.canary.has_answer


def test_counts_each_user_with_an_unreadable_success_once() -> None:
    users = Users()
    for _ in range(3):
        users.answer(0, users.start(), HTML)
    assert users.canary.unreadable() == ("http_200_html", 3)
    users.answer(0, 1, HTML)
    assert users.canary.unreadable() == ("http_200_html", 3)
