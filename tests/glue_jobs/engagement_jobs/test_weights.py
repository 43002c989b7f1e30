"""The weights document: what is taken, and that whatever is wrong is named."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from engagement_jobs.weights import METRICS, Weight, Weights, WeightsError

GOOD: dict[str, dict[str, Any]] = {
    "login_count": {"weight": 0.1, "cap": 10},
    "items_viewed": {"weight": 0.2, "cap": 100},
    "time_spent_minutes": {"weight": 0.3, "cap": 120},
    "cart_additions": {"weight": 0.4, "cap": 8},
}


def document(version: Any = "7", **metrics: Any) -> bytes:
    return json.dumps({"version": version, "metrics": GOOD | metrics}).encode()


def test_the_default_is_the_contract() -> None:
    assert {(weight.metric, weight.weight, weight.cap) for weight in Weights.default().metrics} == {
        ("login_count", 0.20, 10.0),
        ("items_viewed", 0.25, 100.0),
        ("time_spent_minutes", 0.25, 120.0),
        ("cart_additions", 0.30, 8.0),
    }


def test_a_document_is_known_by_its_version_and_bytes() -> None:
    body = document()
    weights = Weights.parse(body)
    assert weights.version == "7"
    assert weights.sha256 == hashlib.sha256(body).hexdigest()
    assert weights.metrics[0] == Weight("login_count", 0.1, 10.0)
    assert {weight.metric for weight in weights.metrics} == set(METRICS)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the weights are not"),
        (b"\xff", "the weights are not"),
        (b"[]", "the weights are not"),
        (b'{"version": "1"}', "KeyError: 'metrics'"),
        (b'{"version": "1", "metrics": []}', "AttributeError"),
        (document(login_count=3), "TypeError"),
        (document(login_count={"weight": 0.1}), "KeyError: 'cap'"),
        (document(login_count={"weight": "much", "cap": 1}), "ValueError"),
        (document(login_count={"weight": 0.1, "cap": 10**400}), "OverflowError"),
        (document(version=2), "version is 2, wanted a text"),
        (document(version=""), "version is '', wanted a text"),
        (document(likes={"weight": 0, "cap": 1}), "metrics cart_additions, items_viewed, likes, login_count"),
        (document(login_count={"weight": -0.1, "cap": 10}), "login_count has weight -0.1 and cap 10.0"),
        (document(login_count={"weight": 0.1, "cap": 0}), "login_count has weight 0.1 and cap 0.0"),
        (document(login_count={"weight": 0.1, "cap": float("inf")}), "cap inf"),
        (document(login_count={"weight": float("nan"), "cap": 10}), "weight nan"),
        (document(login_count={"weight": 0.2, "cap": 10}), "the weights sum to 1.1"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        Weights.parse(body)
