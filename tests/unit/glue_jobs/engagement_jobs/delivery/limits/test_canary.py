from __future__ import annotations

from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.delivery.limits.canary import SIZE, Canary

DELIVERED = ResponseClassification(Action.FINALIZE, "delivered", "http_200")
NOT_FOUND = ResponseClassification(Action.FINALIZE, "rejected", "http_404")
NOT_FINAL = ResponseClassification(Action.RETRY, "deferred", "http_503")


def start_all_allowed(canary: Canary, started: int) -> int:
    while started < 1000 and canary.allows(started):
        started += 1
    return started


def test_starts_1_then_10_then_100_users() -> None:
    canary = Canary()
    assert start_all_allowed(canary, 0) == 1
    canary.record(DELIVERED)
    assert start_all_allowed(canary, 1) == 11
    for _ in range(9):
        canary.record(DELIVERED)
    assert start_all_allowed(canary, 11) == SIZE == 111


def test_user_without_final_response_makes_room_for_another() -> None:
    canary = Canary()
    canary.record(NOT_FINAL)
    assert start_all_allowed(canary, 1) == 2


def test_404_for_all_users_is_a_refusal_of_the_run() -> None:
    canary = Canary()
    for _ in range(9):
        canary.record(NOT_FOUND)
    assert canary.common_refusal() is None
    canary.record(NOT_FOUND)
    assert canary.common_refusal() == "http_404"


def test_one_delivery_rules_out_a_refusal_of_the_run() -> None:
    canary = Canary()
    canary.record(DELIVERED)
    for _ in range(50):
        canary.record(NOT_FOUND)
    assert canary.common_refusal() is None
