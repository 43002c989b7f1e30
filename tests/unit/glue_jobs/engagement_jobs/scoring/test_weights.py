"""The weights document: what is taken, and that whatever is wrong is named."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from engagement_jobs.contract.errors import WeightsError
from engagement_jobs.scoring.weights import Weight, Weights

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


def test_the_default_is_the_contract() -> None:
    weights = Weights.default()
    assert weights.metrics == (
        Weight("login_count", "integer", 0.20, 10.0),
        Weight("items_viewed", "integer", 0.25, 100.0),
        Weight("time_spent_minutes", "number", 0.25, 120.0),
        Weight("cart_additions", "integer", 0.30, 8.0),
    )
    assert weights.columns == ("user_id", "login_count", "items_viewed", "time_spent_minutes", "cart_additions")


def test_a_document_is_known_by_its_version_and_bytes() -> None:
    body = document()
    weights = Weights.parse(body)
    assert weights.version == "7"
    assert weights.sha256 == hashlib.sha256(body).hexdigest()
    assert weights.metrics[0] == Weight("login_count", "integer", 0.1, 10.0)


def test_a_metric_is_added_by_the_document() -> None:
    more = {"login_count": entry(weight=0.05), "purchases_eur": entry(type="number", weight=0.05, cap=0.5)}
    assert Weights.parse(document(**more)).columns[-1] == "purchases_eur"


def test_tenths_add_up() -> None:
    metrics = {f"m{number}": entry(weight=0.1) for number in range(10)}
    assert len(Weights.parse(json.dumps({"version": "1", "metrics": metrics}).encode()).metrics) == 10


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is no JSON: Expecting value"),
        (b"\xff", "is no JSON"),
        (b"[]", "is a list, wanted an object"),
        (b'{"version": "1"}', "metrics is missing or empty"),
        (b'{"version": "1", "metrics": []}', "metrics is missing or empty"),
        (b'{"version": "1", "metrics": {"a": 1, "a": 2}}', "a stands there twice"),
        (document(login_count=3), "login_count has 3, wanted type, weight and cap"),
        (document(login_count={}), "login_count has nothing, wanted type, weight and cap"),
        (document(login_count={"weight": 0.1, "cap": 10}), "login_count has weight, cap, wanted type"),
        (document(login_count=entry(floor=1)), "login_count has type, weight, cap, floor, wanted type"),
        (document(login_count=entry(type="text")), "login_count has type 'text', wanted integer or number"),
        (document(login_count=entry(weight="much")), "login_count has weight 'much', wanted a number from 0 to 1"),
        (document(login_count=entry(weight=True)), "login_count has weight True"),
        (document(login_count=entry(weight=-0.1)), "login_count has weight -0.1"),
        (document(login_count=entry(weight=float("nan"))), "login_count has weight nan"),
        (document(login_count=entry(cap=0)), "login_count has cap 0, wanted a number above 0"),
        (document(login_count=entry(cap=10**400)), "login_count has cap 1000"),
        (document(login_count=entry(cap=float("inf"))), "login_count has cap inf"),
        (document(login_count=entry(cap=None)), "login_count has cap None"),
        (document(version=2), "version is 2, wanted a text"),
        (document(version=" "), "version is ' ', wanted a text"),
        (document(likes=entry(weight=0.1)), "the weights add up to 1.1, wanted 1"),
        (document(**{"likes; --": entry()}), "metric 'likes; --' cannot be a column"),
        (document(**{"": entry()}), "metric '' cannot be a column"),
        (document(score=entry()), "metric score is a name that the job itself gives"),
        (document(User_ID=entry()), "metric User_ID is a name that the job itself gives"),
        (document(Login_Count=entry(weight=0)), "metric login_count is there in upper and lower case"),
        (json.dumps({"version": "1", "metrics": GOOD, "caps": {}}).encode(), "caps is not known"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, said: str) -> None:
    with pytest.raises(WeightsError) as refused:
        Weights.parse(body)
    assert str(refused.value).startswith("the weights document is ")
    assert said in str(refused.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(WeightsError) as refused:
        Weights.parse(document(version=None, login_count=entry(cap=-1, weight=2)))
    for said in ("version is None", "login_count has weight 2", "login_count has cap -1"):
        assert said in str(refused.value)
