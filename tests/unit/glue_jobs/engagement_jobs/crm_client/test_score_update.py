from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement_jobs.crm_client.score_update import ScoreUpdate, idempotency_key

ENDPOINT = "https://crm.example.com/api/v1/update-score"
UPDATE = ScoreUpdate("U1", "73.25", 0)


def test_payload_has_the_bytes_of_the_contract() -> None:
    assert UPDATE.payload() == b'{"user_id": "U1", "engagement_score": "73.25"}'


@given(st.text(min_size=1))
def test_payload_contains_any_user_id_unchanged(user_id: str) -> None:
    assert json.loads(ScoreUpdate(user_id, "0.00", 0).payload()) == {"user_id": user_id, "engagement_score": "0.00"}


def test_key_is_the_same_for_every_retry() -> None:
    # The value is fixed, because a key that changes with a release would make a resumed run send twice.
    key = idempotency_key(ENDPOINT, "2026-11-23", UPDATE, UPDATE.payload())
    assert key == "ce6c03d8a04e00e42ad55c5eb4068264ccb14ad3803efebf4d93084a44cf4e65"


@pytest.mark.parametrize(
    ("endpoint", "score_date", "update"),
    [
        (ENDPOINT, "2026-11-24", ScoreUpdate("U1", "73.25", 0)),
        (ENDPOINT, "2026-11-23", ScoreUpdate("U1", "73.25", 1)),
        (ENDPOINT, "2026-11-23", ScoreUpdate("U1", "73.26", 0)),
        (ENDPOINT, "2026-11-23", ScoreUpdate("U2", "73.25", 0)),
        (ENDPOINT + "/", "2026-11-23", ScoreUpdate("U1", "73.25", 0)),
    ],
)
def test_key_differs_for_another_delivery(endpoint: str, score_date: str, update: ScoreUpdate) -> None:
    key = idempotency_key(ENDPOINT, "2026-11-23", UPDATE, UPDATE.payload())
    assert key != idempotency_key(endpoint, score_date, update, update.payload())


@pytest.mark.parametrize("endpoint", [ENDPOINT, "https://moved.example.com/x"])
def test_a_user_in_doubt_keeps_its_key(endpoint: str) -> None:
    update = ScoreUpdate("U1", "73.25", 3, in_doubt=True, stored_key="k1")
    assert idempotency_key(endpoint, "2026-11-23", update, update.payload()) == "k1"
