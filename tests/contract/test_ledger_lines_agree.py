"""The Airflow side reads the ledger lines that the push job writes, and counts them as the job counts its responses."""

from __future__ import annotations

import pytest

from engagement.contract.aggregate import RequestsPerSecond
from engagement.summary.ledger_counts import count_ledger
from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.request_state import InFlightRequest
from tests.support.crm_requests import TEMPLATE
from tests.unit.plugins.engagement import run_factory
from tests.unit.plugins.engagement.memory_bucket import MemoryBucket

PLAN = {"plan": run_factory.aggregate("jr", "plan", {})}


@pytest.mark.parametrize(
    ("outcome", "status", "latency_ms"),
    [
        ("delivered", 200, 61.5),
        ("rejected", 404, 0.0),
        ("deferred", 503, 29_999.9),
        ("unknown", None, None),
        ("unknown", None, 12.0),
    ],
)
def test_a_ledger_line_is_counted_alike(outcome: str, status: int | None, latency_ms: float | None) -> None:
    request = InFlightRequest.of(ScoreUpdate('U"1\n', "61.50", 1), TEMPLATE)
    request.status, request.latency_ms, request.tries, request.first_sent = status, latency_ms, 2, 1_795_402_800.125
    line = request.ledger_line(ResponseClassification(Action.FINALIZE, outcome, "a_reason"), '"r"', 1_795_402_801.0)
    expected = DeliveryCounters()
    expected.count_outcome(outcome, "a_reason", status)
    if status is not None and latency_ms is not None:
        expected.count_response(status, latency_ms)

    counted, broken = count_ledger(MemoryBucket({"part-0-000000.jsonl": line + b"\n"}), "", PLAN)

    assert broken == []
    assert counted is not None
    assert (counted.outcomes, counted.status_codes) == (expected.outcomes, expected.status_codes)
    assert counted.latency == expected.latency
    assert [group.model_dump() for group in counted.errors] == expected.error_groups()
    assert (counted.posts, counted.retries) == (2, 1)
    assert counted.seconds == RequestsPerSecond(first=1_795_402_800, posts=(2,))
