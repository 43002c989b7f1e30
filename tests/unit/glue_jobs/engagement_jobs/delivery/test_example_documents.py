"""The example documents of the docs against APIs of these shapes; the fake CRM counts, and accepts nothing else."""

from __future__ import annotations

import dataclasses
import json
from typing import Any
from unittest import mock

import pytest

from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.limits.canary import Canary
from local.fake_crm.faults import NO_FAULT, Fault
from tests.support.crm_requests import example, template
from tests.support.delivery_checks import check, stop_of
from tests.support.delivery_harness import delivery_harness, score_updates
from tests.support.glue_days import HOSTILE_IDS

CONTACT, UPSERT, EVENTS = EXAMPLES = ("contact-property", "upsert", "events")
REQUESTS = {
    CONTACT: ("PATCH", "/crm/v3/objects/contacts/a%2Fb%3Fc%3Dd%26e%23%2541?idProperty=external_id"),
    UPSERT: ("PUT", "/v1/profiles/a%2Fb%3Fc%3Dd%26e%23%2541"),
    EVENTS: ("POST", "/v2/events"),
}


def requests_of(user: str, updates: list[ScoreUpdate], name: str, fault: Fault = NO_FAULT) -> list[dict[str, Any]]:
    """Deliver with an example document; return the requests of a user, all of whom must be delivered."""
    harness, requests = delivery_harness(fault), list[dict[str, Any]]()
    with mock.patch.object(harness.crm.request_log, "add", lambda of, **one: requests.append({"user_id": of, **one})):
        dispatcher = harness.deliver(updates, document=example(name))
    check(harness, dispatcher, delivered=len(updates))
    keys = {line["key"] for line in harness.lines() if line["user_id"] == user}
    return [one | {"keys": keys} for one in requests if one["user_id"] == user]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_user_is_delivered_once(name: str) -> None:
    updates = [*score_updates(200), *(ScoreUpdate(user, "7.10", 0) for user in HOSTILE_IDS)]
    harness = delivery_harness()
    dispatcher = harness.deliver(updates, document=example(name))

    check(harness, dispatcher, delivered=len(updates))
    assert harness.crm.scores.state() == {update.user_id: f"{float(update.score):.2f}" for update in updates}
    stats = harness.crm.stats()
    assert (stats["requests"], stats["applied"]) == (len(updates), len(updates))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_user_id_is_encoded_in_the_path(name: str) -> None:
    (request,) = requests_of("a/b?c=d&e#%41", [ScoreUpdate("a/b?c=d&e#%41", "7.10", 0)], name)
    assert (request["method"], request["path"]) == REQUESTS[name]


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("fault", [Fault(status=503, fraction=0.05), Fault(drop_after=True, fraction=0.03)])
def test_faults_lose_no_user(name: str, fault: Fault) -> None:
    harness = delivery_harness(fault)
    dispatcher = harness.deliver(score_updates(400), document=example(name))

    check(harness, dispatcher, delivered=400)
    assert harness.crm.stats()["users"] == 400
    assert dispatcher.counters.retries > 0
    if name != CONTACT:  # the others have a key, and a property that is set twice is the same
        assert harness.crm.stats()["duplicates"]["applied_per_user"] == 0


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        (CONTACT, 404, "http_404"),
        (CONTACT, 400, "http_400"),
        (UPSERT, 422, "http_422"),
        (EVENTS, 400, "http_400"),
        (EVENTS, 422, "http_422"),
    ],
)
def test_a_final_status_rejects_the_user(name: str, status: int, reason: str) -> None:
    harness = delivery_harness(Fault(status=status, for_users=("U000010", "U000050")))
    dispatcher = harness.deliver(score_updates(100), document=example(name))

    check(harness, dispatcher, delivered=98, rejected=2)
    refused = {line["user_id"]: line["reason"] for line in harness.lines() if line["outcome"] == "rejected"}
    assert refused == {"U000010": reason, "U000050": reason}
    assert harness.requests == 100


@pytest.mark.parametrize(("name", "status"), [(CONTACT, 423), (CONTACT, 429), (CONTACT, 477), (EVENTS, 429)])
def test_pushback_is_no_attempt(name: str, status: int) -> None:
    harness = delivery_harness(Fault(status=status, body={}, first=10))
    dispatcher = harness.deliver(score_updates(30), document=example(name), max_attempts=1)

    check(harness, dispatcher, delivered=30)


@pytest.mark.parametrize(
    ("body", "outcome", "reason"),
    [
        ({"status": "refused"}, "rejected", "http_200_failure"),
        ({"status": "accepted"}, "delivered", "http_200"),
        ({"status": "duplicate", "error": "known"}, "delivered", "http_200"),
        ({"state": "accepted"}, "unknown", "http_200_no_value"),
        ("accepted", "unknown", "http_200_no_value"),
        ("", "unknown", "http_200_no_value"),
    ],
)
def test_the_value_at_the_pointer_decides(body: object, outcome: str, reason: str) -> None:
    harness = delivery_harness(Fault(status=200, body=body, for_users=("U000010",)))
    harness.deliver(score_updates(50), document=example(EVENTS), max_attempts=2)

    (line,) = [line for line in harness.lines() if line["user_id"] == "U000010"]
    assert (line["outcome"], line["reason"]) == (outcome, reason)
    assert {line["outcome"] for line in harness.lines() if line["user_id"] != "U000010"} == {"delivered"}


def test_another_2xx_is_sent_again() -> None:
    requests = requests_of("U000010", score_updates(50), UPSERT, Fault(status=206, first=1, for_users=("U000010",)))
    assert [one["status"] for one in requests] == [206, 201]
    assert {one["idempotency_key"].strip('"') for one in requests} == requests[0]["keys"]


def test_a_retried_event_has_the_same_id() -> None:
    requests = requests_of(
        "U000010", score_updates(50), EVENTS, Fault(drop_after=True, first=2, for_users=("U000010",))
    )
    assert [one["status"] for one in requests] == [None, None, 200]
    assert {json.loads(one["body"])["event_id"] for one in requests} == requests[0]["keys"]


@pytest.mark.parametrize(
    ("success", "reason"),
    [
        ({"statuses": [204]}, "http_201_unexpected"),
        ({"statuses": [200]}, "http_201_unexpected"),
        ({"pointer": "/result", "values": ["ok"]}, "http_201_no_value"),
    ],
)
def test_a_wrong_success_stops_the_canary(success: dict[str, Any], reason: str) -> None:
    responses = template(response={"success": success}).document.responses
    document = dataclasses.replace(example(UPSERT), responses=responses)
    harness = delivery_harness()
    dispatcher = harness.deliver(score_updates(600), Canary(), document=document)

    check(harness, dispatcher, unknown=3, deferred=597)
    assert (stop_of(dispatcher).cause, harness.requests) == ("canary_refused", 3)
    assert reason in stop_of(dispatcher).detail
