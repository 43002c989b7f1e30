"""Parsing of the weights document."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from engagement_jobs.contract.errors import WeightsError
from engagement_jobs.scoring.weights import ScoreMetric, Weights

GOOD: dict[str, dict[str, Any]] = {
    "login_count": {"type": "integer", "weight": 0.1, "cap": 10},
    "items_viewed": {"type": "integer", "weight": 0.2, "cap": 100},
    "time_spent_minutes": {"type": "number", "weight": 0.3, "cap": 120},
    "cart_additions": {"type": "integer", "weight": 0.4, "cap": 8},
}


def entry(**changes: Any) -> dict[str, Any]:
    return {"type": "integer", "weight": 0.1, "cap": 10, **changes}


def document(version: Any = "7", **metrics: Any) -> bytes:
    return json.dumps({"version": version, "metrics": GOOD | metrics}).encode()


def test_the_default_document_is_that_of_the_contract() -> None:
    weights = Weights.default()
    assert weights.metrics == (
        ScoreMetric("login_count", "integer", 0.20, 10.0),
        ScoreMetric("items_viewed", "integer", 0.25, 100.0),
        ScoreMetric("time_spent_minutes", "number", 0.25, 120.0),
        ScoreMetric("cart_additions", "integer", 0.30, 8.0),
    )
    assert weights.columns == ("user_id", "login_count", "items_viewed", "time_spent_minutes", "cart_additions")


def test_version_and_hash_identify_a_document() -> None:
    body = document()
    weights = Weights.parse(body)
    assert weights.version == "7"
    assert weights.sha256 == hashlib.sha256(body).hexdigest()
    assert weights.metrics[0] == ScoreMetric("login_count", "integer", 0.1, 10.0)


def test_a_metric_is_added_by_the_document_alone() -> None:
    more = {"login_count": entry(weight=0.05), "purchases_eur": entry(type="number", weight=0.05, cap=0.5)}
    assert Weights.parse(document(**more)).columns[-1] == "purchases_eur"


def test_the_sum_of_weights_tolerates_rounding_errors() -> None:
    metrics = {f"m{number}": entry(weight=0.1) for number in range(10)}
    assert len(Weights.parse(json.dumps({"version": "1", "metrics": metrics}).encode()).metrics) == 10


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON: Expecting value"),
        (b"\xff", "not JSON"),
        (b"[]", "expected a JSON object, got a list"),
        (b'{"version": "1"}', "metrics is missing or empty"),
        (b'{"version": "1", "metrics": []}', "metrics is missing or empty"),
        (b'{"version": "1", "metrics": {"a": 1, "a": 2}}', "duplicate key a"),
        (document(login_count=3), "login_count is 3, expected an object with type, weight and cap"),
        (document(login_count={}), "login_count has the keys none, expected type, weight and cap"),
        (document(login_count={"weight": 0.1, "cap": 10}), "login_count has the keys weight, cap, expected type"),
        (document(login_count=entry(floor=1)), "login_count has the keys type, weight, cap, floor, expected type"),
        (document(login_count=entry(type="text")), "login_count: type is 'text', expected integer or number"),
        (document(login_count=entry(weight="much")), "login_count: weight is 'much', expected a number from 0 to 1"),
        (document(login_count=entry(weight=True)), "login_count: weight is True"),
        (document(login_count=entry(weight=-0.1)), "login_count: weight is -0.1"),
        (document(login_count=entry(weight=float("nan"))), "login_count: weight is nan"),
        (document(login_count=entry(cap=0)), "login_count: cap is 0, expected a number greater than 0"),
        (document(login_count=entry(cap=10**400)), "login_count: cap is 1000"),
        (document(login_count=entry(cap=float("inf"))), "login_count: cap is inf"),
        (document(login_count=entry(cap=None)), "login_count: cap is None"),
        (document(version=2), "version is 2, expected a non-empty string"),
        (document(version=" "), "version is ' ', expected a non-empty string"),
        (document(likes=entry(weight=0.1)), "the sum of the weights is 1.1, expected 1"),
        (document(**{"likes; --": entry()}), "metric name 'likes; --': expected a letter"),
        (document(**{"": entry()}), "metric name '': expected a letter"),
        (document(score=entry()), "metric name score is reserved"),
        (document(User_ID=entry()), "metric name User_ID is reserved"),
        (document(Login_Count=entry(weight=0)), "metric name login_count occurs in different cases"),
        (
            json.dumps({"version": "1", "metrics": GOOD, "caps": {}}).encode(),
            "unknown key caps, expected version",
        ),
    ],
)
def test_an_invalid_document_is_refused_with_the_fault(body: bytes, message: str) -> None:
    with pytest.raises(WeightsError) as error:
        Weights.parse(body)
    assert str(error.value).startswith("invalid weights document: ")
    assert message in str(error.value)


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(WeightsError) as error:
        Weights.parse(document(version=None, login_count=entry(cap=-1, weight=2)))
    for fault in ("version is None", "login_count: weight is 2", "login_count: cap is -1"):
        assert fault in str(error.value)
