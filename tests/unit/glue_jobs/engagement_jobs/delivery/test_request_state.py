"""A record's ledger line, put together by hand, is what a JSON encoder would have written."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.crm_client.score_update import ScoreUpdate, idempotency_key
from engagement_jobs.delivery.ledger import FIELDS
from engagement_jobs.delivery.request_state import InFlightRequest, iso
from tests.support.glue_days import HOSTILE_IDS

DELIVERED = ResponseClassification(Action.FINALIZE, "delivered", "http_200")
SURE_NO = ResponseClassification(Action.RETRY, "deferred", "http_503")
DOUBT = ResponseClassification(Action.RETRY, "unknown", "timeout")


@pytest.mark.parametrize("user_id", HOSTILE_IDS)
def test_a_line_says_what_happened(user_id: str) -> None:
    record = ScoreUpdate(user_id, "73.25", 2)
    request = InFlightRequest.of(record, "https://crm.example.com/x", "2026-11-23")
    request.tries, request.first_sent, request.milliseconds, request.status = 3, 1_700_000_000.0426, 12.345, 200
    line = request.line(DELIVERED, json.dumps('run "1"'), 1_700_000_001.5)
    assert b"\n" not in line
    assert json.loads(line) == {
        "user_id": user_id,
        "score": "73.25",
        "key": idempotency_key("https://crm.example.com/x", "2026-11-23", record, record.payload()),
        "payload_sha256": hashlib.sha256(record.payload()).hexdigest(),
        "revision": 2,
        "outcome": "delivered",
        "reason": "http_200",
        "http_status": 200,
        "tries": 3,
        "latency_ms": 12.3,
        "first_sent_at": "2023-11-14T22:13:20.042Z",
        "settled_at": "2023-11-14T22:13:21.500Z",
        "run_id": 'run "1"',
    }
    assert tuple(json.loads(line)) == FIELDS


def test_a_line_is_json_whatever_the_score_is() -> None:
    request = InFlightRequest.of(ScoreUpdate("U1", '7"3\n', 0), "e", "d")
    assert json.loads(request.line(SURE_NO, '"r"', 0.0))["score"] == '7"3\n'


def test_a_record_without_an_answer_has_neither_status_nor_latency() -> None:
    line = json.loads(InFlightRequest.of(ScoreUpdate("U1", "1.00", 0), "e", "d").line(SURE_NO, '"r"', 0.0))
    assert (line["http_status"], line["latency_ms"], line["tries"]) == (None, None, 0)


@pytest.mark.parametrize("epoch", [0.0, 1e9 + 0.999, 1_700_000_000.5, 4e9])
def test_times_are_those_of_the_standard_library(epoch: float) -> None:
    wanted = datetime.fromtimestamp(int(epoch * 1000) / 1000, UTC).isoformat(timespec="milliseconds")
    assert iso(epoch) == wanted.replace("+00:00", "Z")


def test_a_doubt_outlasts_a_later_sure_no_and_nothing_else() -> None:
    request = InFlightRequest.of(ScoreUpdate("U1", "1.00", 0), "e", "d")
    assert request.final_classification(SURE_NO) == SURE_NO
    request.ambiguous = DOUBT
    assert request.final_classification(SURE_NO) == DOUBT
    assert request.final_classification(DELIVERED) == DELIVERED
    doubted_before = InFlightRequest.of(ScoreUpdate("U1", "1.00", 0, in_doubt=True), "e", "d").final_classification(
        SURE_NO
    )
    assert (doubted_before.outcome, doubted_before.reason) == ("unknown", "earlier_attempt")
