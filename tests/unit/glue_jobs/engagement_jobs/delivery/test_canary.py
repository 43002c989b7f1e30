from __future__ import annotations

from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.delivery.canary import SIZE, Canary

DELIVERED = ResponseClassification(Action.FINALIZE, "delivered", "http_200")
NOT_FOUND = ResponseClassification(Action.FINALIZE, "rejected", "http_404")
LOST = ResponseClassification(Action.RETRY, "deferred", "http_503")


def opened_by(canary: Canary, opened: int) -> int:
    while opened < 1000 and canary.allows(opened):
        opened += 1
    return opened


def test_opens_one_then_ten_then_a_hundred() -> None:
    canary = Canary()
    assert opened_by(canary, 0) == 1
    canary.record(DELIVERED)
    assert opened_by(canary, 1) == 11
    for _ in range(9):
        canary.record(DELIVERED)
    assert opened_by(canary, 11) == SIZE == 111


def test_a_record_without_an_answer_makes_room_for_another() -> None:
    canary = Canary()
    canary.record(LOST)
    assert opened_by(canary, 1) == 2


def test_nothing_but_404_refuses_the_run() -> None:
    canary = Canary()
    for _ in range(9):
        canary.record(NOT_FOUND)
    assert canary.refusal() is None
    canary.record(NOT_FOUND)
    assert canary.refusal() == "http_404"


def test_one_delivery_among_them_does_not() -> None:
    canary = Canary()
    canary.record(DELIVERED)
    for _ in range(50):
        canary.record(NOT_FOUND)
    assert canary.refusal() is None
