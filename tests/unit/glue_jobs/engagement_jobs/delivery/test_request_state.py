from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.ledger import FIELDS
from engagement_jobs.delivery.request_state import InFlightRequest, iso
from tests.support.crm_requests import TEMPLATE
from tests.support.glue_days import HOSTILE_IDS

DELIVERED = ResponseClassification(Action.FINALIZE, "delivered", "http_200")
NOT_APPLIED = ResponseClassification(Action.RETRY, "deferred", "http_503")
AMBIGUOUS = ResponseClassification(Action.RETRY, "unknown", "timeout")


@pytest.mark.parametrize("user_id", HOSTILE_IDS)
def test_ledger_line_has_all_fields(user_id: str) -> None:
    update = ScoreUpdate(user_id, "73.25", 2)
    request = InFlightRequest.of(update, TEMPLATE)
    request.tries, request.first_sent, request.latency_ms, request.status = 3, 1_700_000_000.0426, 12.345, 200
    line = request.ledger_line(DELIVERED, json.dumps('run "1"'), 1_700_000_001.5)
    assert b"\n" not in line
    assert json.loads(line) == {
        "user_id": user_id,
        "score": "73.25",
        "key": TEMPLATE.render(update).key,
        "payload_sha256": hashlib.sha256(TEMPLATE.render(update).payload).hexdigest(),
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


def test_ledger_line_is_json_for_any_score() -> None:
    request = InFlightRequest.of(ScoreUpdate("U1", '7"3\n', 0), TEMPLATE)
    assert json.loads(request.ledger_line(NOT_APPLIED, '"r"', 0.0))["score"] == '7"3\n'


def test_request_without_response_has_no_status_and_latency() -> None:
    request = InFlightRequest.of(ScoreUpdate("U1", "1.00", 0), TEMPLATE)
    line = json.loads(request.ledger_line(NOT_APPLIED, '"r"', 0.0))
    assert (line["http_status"], line["latency_ms"], line["tries"]) == (None, None, 0)


@pytest.mark.parametrize("epoch", [0.0, 1e9 + 0.999, 1_700_000_000.5, 4e9])
def test_iso_agrees_with_the_standard_library(epoch: float) -> None:
    expected = datetime.fromtimestamp(int(epoch * 1000) / 1000, UTC).isoformat(timespec="milliseconds")
    assert iso(epoch) == expected.replace("+00:00", "Z")


def test_not_applied_does_not_settle_an_ambiguous_request() -> None:
    request = InFlightRequest.of(ScoreUpdate("U1", "1.00", 0), TEMPLATE)
    assert request.final_classification(NOT_APPLIED) == NOT_APPLIED
    request.ambiguous = AMBIGUOUS
    assert request.final_classification(NOT_APPLIED) == AMBIGUOUS
    assert request.final_classification(DELIVERED) == DELIVERED


def test_not_applied_does_not_settle_an_earlier_attempt() -> None:
    request = InFlightRequest.of(ScoreUpdate("U1", "1.00", 0, in_doubt=True), TEMPLATE)
    final = request.final_classification(NOT_APPLIED)
    assert (final.outcome, final.reason) == ("unknown", "earlier_attempt")


@pytest.mark.parametrize("in_doubt", [True, False])
@pytest.mark.parametrize(
    ("reason", "replayed", "outcome"),
    [
        ("http_404", False, "unknown"),
        ("http_405", False, "unknown"),
        ("http_410", False, "unknown"),
        ("http_400", False, "rejected"),
        ("http_422", False, "rejected"),
        ("http_200_failure", False, "rejected"),
        ("http_404", True, "rejected"),
    ],
)
def test_refusal_by_another_server_settles_nothing(
    reason: str, outcome: str, *, replayed: bool, in_doubt: bool
) -> None:
    request = InFlightRequest.of(ScoreUpdate("U1", "1.00", 0, in_doubt=in_doubt), TEMPLATE)
    request.ambiguous = None if in_doubt else AMBIGUOUS
    refusal = ResponseClassification(Action.REJECT, "rejected", reason, replayed=replayed)
    assert request.final_classification(refusal).outcome == outcome
    shared = replace(refusal, outcome="deferred")
    assert request.final_classification(shared).outcome == ("deferred" if replayed else "unknown")
    assert InFlightRequest.of(ScoreUpdate("U1", "1.00", 0), TEMPLATE).final_classification(refusal) == refusal
