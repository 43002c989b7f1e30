"""Shapes and laws: each way to break them is told, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from engagement import manifests
from tests.unit.plugins.engagement import run_factory as factory


def test_agreeing_documents_break_nothing() -> None:
    scores, delivery = factory.scores_manifest(), factory.delivery_manifest()
    assert manifests.shape(scores, manifests.SCORES) == []
    assert manifests.shape(delivery, manifests.DELIVERY) == []
    assert [manifests.shape(a, manifests.AGGREGATE) for a in factory.last_attempt()] == [[], []]
    assert manifests.scores_laws(scores) == []
    assert manifests.delivery_laws(delivery, scores, factory.last_attempt()) == []


@pytest.mark.parametrize("field", sorted(manifests.SCORES))
def test_a_missing_field_of_the_scores_manifest_is_named(field: str) -> None:
    document = factory.scores_manifest()
    del document[field]
    assert manifests.shape(document, manifests.SCORES) == [f"fields missing: {field}"]


@pytest.mark.parametrize("field", sorted(manifests.DELIVERY))
def test_a_missing_field_of_the_delivery_manifest_is_named(field: str) -> None:
    document = factory.delivery_manifest()
    del document[field]
    assert manifests.shape(document, manifests.DELIVERY) == [f"fields missing: {field}"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": -1},
        {"rows": True},
        {"rows": "1000"},
        {"outcomes": {"delivered": 1.5}},
        {"outcomes": []},
        {"stopped": {"cause": "auth"}},
        {"errors": [{"outcome": "rejected"}]},
        {"attempts": [1]},
        {"force": "false"},
    ],
)
def test_a_field_of_another_type_is_named(wrong: dict[str, Any]) -> None:
    (problem,) = manifests.shape(factory.delivery_manifest(**wrong), manifests.DELIVERY)
    assert problem.endswith(f"type: {next(iter(wrong))}")


def test_a_histogram_has_twenty_bins() -> None:
    assert manifests.shape(factory.scores_manifest(histogram=[50] * 19), manifests.SCORES)


@pytest.mark.parametrize("latency", [{"x": 1}, {"1.5": 1}, {"": 1}])
def test_latency_buckets_have_whole_numbers(latency: dict[str, int]) -> None:
    body = factory.aggregate("jr", "0", {}, latency=latency)
    assert manifests.shape(body, manifests.AGGREGATE)


@pytest.mark.parametrize(
    "seconds",
    [
        {"100": 2},
        {"first": 100},
        {"first": -1, "posts": [2]},
        {"first": 100, "posts": {"0": 2}},
        {"first": 100, "posts": [2, -1]},
        {"first": 100, "posts": [2, True]},
        {"first": 100, "posts": [2, 0.5]},
    ],
)
def test_seconds_are_whole_numbers_in_a_row(seconds: dict[str, Any]) -> None:
    body = factory.aggregate("jr", "0", {}, seconds=seconds)
    assert manifests.shape(body, manifests.AGGREGATE) == ["fields not of the data contract's type: seconds"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rows": {"input": 1020, "scored": 999, "rejected": 15, "collapsed": 5}}, "1,019"),
        ({"reasons": {"null_user_id": 5}}, "reasons"),
        ({"histogram": [49] * 20}, "histogram"),
        ({"input": []}, "input files"),
    ],
)
def test_broken_sums_of_the_scores_manifest(changes: dict[str, Any], told: str) -> None:
    assert told in "; ".join(manifests.scores_laws(factory.scores_manifest(**changes)))


def outcomes(**changes: int) -> dict[str, int]:
    return factory.SETTLED | changes


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"outcomes": outcomes(delivered=969)}, "outcomes add up to 999, wanted its 1,000 rows"),
        ({"rows": 1001, "outcomes": outcomes(delivered=971)}, "it has 1,001 rows, the scores manifest 1,000"),
        ({"scores_sha256": "00"}, "sha256"),
        ({"attempts": [factory.LAST, factory.FIRST]}, "attempts"),
        ({"attempts": []}, "attempts"),
        ({"outcomes": {"delivered": 1000}}, "wanted deferred, delivered"),
        # right sums, yet another story than the aggregates'
        (
            {"outcomes": outcomes(delivered=969, rejected=6)},
            "delivered 969 but 970 in the aggregates",
        ),
    ],
)
def test_broken_conservation(changes: dict[str, Any], told: str) -> None:
    delivery = factory.delivery_manifest(**changes)
    laws = manifests.delivery_laws(delivery, factory.scores_manifest(), factory.last_attempt())
    assert told in "; ".join(laws)


def test_a_lost_aggregate_breaks_the_law() -> None:
    laws = manifests.delivery_laws(factory.delivery_manifest(), None, factory.last_attempt()[1:])
    assert "delivered 970 but 470 in the aggregates" in laws


def test_an_aggregate_that_does_not_add_up_breaks_the_law() -> None:
    plan, sent = factory.last_attempt()
    laws = manifests.delivery_laws(factory.delivery_manifest(), None, [plan | {"rows": 7}, sent])
    assert laws == ["aggregate of task plan has 7 rows, outcomes 522"]
