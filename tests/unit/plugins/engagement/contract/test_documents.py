"""Strict documents: every fault is reported, and no invalid document is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from engagement.contract.errors import DocumentError
from engagement.contract.strict_model import StrictModel, parse
from tests.unit.plugins.engagement import run_factory as factory

DOCUMENTS: dict[str, StrictModel] = {
    "scores": factory.scores_manifest(),
    "delivery": factory.delivery_manifest(),
    "aggregate": factory.last_attempt()[1],
    "summary": factory.full_summary(factory.artifacts()),
    "summary of nothing": factory.full_summary(factory.without_extract()),
}
documents = pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)


def faults(document: StrictModel, text: str | bytes) -> list[str]:
    with pytest.raises(DocumentError) as raised:
        parse(type(document), text)
    return raised.value.faults


@documents
def test_a_document_survives_a_round_trip(document: StrictModel) -> None:
    assert parse(type(document), factory.changed(document)) == document


def test_a_manifest_of_an_older_release_is_read() -> None:
    document = factory.delivery_manifest(crm_version=None, crm_sha256=None)
    older = factory.changed(document, retry_after_ignored=..., crm_version=..., crm_sha256=..., warnings=...)
    assert parse(type(document), older) == document


@documents
def test_all_faults_are_listed_in_order(document: StrictModel) -> None:
    text = factory.changed(document, run_id=..., posts_=1, status_codez={}, rows=-1, zzz=None)
    listed = faults(document, text)
    assert listed == sorted(listed)
    assert {"run_id: required", "zzz is not a known name"} <= set(listed)
    assert any(fault.startswith("rows: expected ") for fault in listed)


@documents
@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("", "not JSON: "),
        ("{", "not JSON: "),
        (b"\xff", "not JSON: "),
        (b"\xef\xbb\xbf{}", "not JSON: "),
        ("{}".encode("utf-16"), "not JSON: "),
        ("{} {}", "not JSON: "),
        ('{"rows": ' + "9" * 5_000 + "}", "not JSON: "),
        ('{"run_id": ' + "[" * 500 + "]" * 500 + "}", "not JSON: "),
        ("[" * 100_000, "not JSON: "),
        ('{"run_id": "\\ud800"}', "not JSON: "),
        ("[]", "expected a JSON object, got a list"),
        ("null", "expected a JSON object, got None"),
        ('"text"', "expected a JSON object, got a str"),
        ('{"version": 1, "version": 1}', "duplicate key 'version'"),
        ('{"rows": {"input": 1, "input": 1}}', "duplicate key 'input'"),
    ],
)
def test_a_text_without_a_valid_object_is_rejected(document: StrictModel, text: str | bytes, start: str) -> None:
    (fault,) = faults(document, text)
    assert fault.startswith(start)


@documents
def test_another_version_is_the_only_fault(document: StrictModel) -> None:
    text = factory.changed(document, version=2, of_that_version=1, rows=...)
    assert faults(document, text) == ["version: expected 1, got 2"]


@documents
@pytest.mark.parametrize("version", [0, True, 1.0])
def test_the_version_is_a_whole_number(document: StrictModel, version: object) -> None:
    assert faults(document, factory.changed(document, version=version)) == [f"version: expected 1, got {version}"]


@pytest.mark.parametrize(
    ("name", "field", "value", "fault"),
    [
        ("delivery", "rows", -1, "rows: expected a whole number of at least 0, got -1"),
        ("delivery", "rows", True, "rows: expected a whole number of at least 0, got True"),
        ("delivery", "rows", 1e3, "rows: expected a whole number of at least 0, got 1000.0"),
        ("delivery", "rows", float("nan"), "rows: expected a whole number of at least 0, got nan"),
        ("delivery", "rows", "1000", "rows: expected a whole number of at least 0, got a str"),
        ("delivery", "score_date", "today", "score_date: expected a date as YYYY-MM-DD, got a str"),
        ("delivery", "score_date", "2026-11-\u0663\u0660", "score_date: expected a date as YYYY-MM-DD, got a str"),
        ("delivery", "outcomes", [], "outcomes: expected a JSON object, got a list"),
        ("delivery", "stopped", {"cause": "deadline"}, "stopped.detail: required"),
        ("delivery", "mode", "some", "mode: expected one of all, changed, retry_rejected, dry_run, got a str"),
        ("scores", "histogram", [50] * 19, "histogram: expected an array of 20 whole numbers, got a list"),
        ("scores", "histogram", [52.5, *[50] * 19], "histogram.0: expected a valid integer, "),
        ("aggregate", "latency", {"1.5": 1}, "latency.1.5.[key]: expected a valid integer, "),
        ("aggregate", "outcomes", {"lost": 1}, "outcomes.lost.[key]: expected 'delivered', "),
        ("aggregate", "seconds", {"100": 2}, "seconds.100 is not a known name"),
        ("aggregate", "seconds", {"first": 1, "posts": [2, 0.5]}, "seconds.posts.1: expected a valid integer, got 0.5"),
        ("aggregate", "seconds", {"first": True, "posts": []}, "seconds.first: expected a valid integer, got True"),
        ("summary", "cost_usd", float("nan"), "cost_usd: expected a finite number, got nan"),
        ("summary", "cost_usd", float("inf"), "cost_usd: expected a finite number, got inf"),
        ("summary", "cost_usd", float("-inf"), "cost_usd: expected a finite number, got -inf"),
    ],
)
def test_an_invalid_value_is_reported(name: str, field: str, value: Any, fault: str) -> None:
    document = DOCUMENTS[name]
    found = faults(document, factory.changed(document, **{field: value}))
    assert found[0].startswith(fault)


@pytest.mark.parametrize(
    ("name", "changes", "fault"),
    [
        (
            "scores",
            {"rows": {"input": 1020, "scored": 999, "invalid": 15, "deduplicated": 5}},
            "rows: scored + invalid + deduplicated add up to 1,019, expected 1,020",
        ),
        ("scores", {"reasons": {"null_user_id": 5}}, "its reasons add up to 5, expected 15"),
        ("scores", {"histogram": [49] * 20}, "its histogram add up to 980, expected 1,000"),
        ("scores", {"input": []}, "the rows of its input files add up to 0, expected 1,020"),
        (
            "delivery",
            {"outcomes": factory.SETTLED | {"delivered": 969}},
            "outcomes add up to 999, expected 1,000 rows",
        ),
        ("delivery", {"attempts": [factory.LAST, factory.FIRST]}, "its attempts do not end with its own job run id"),
        ("delivery", {"attempts": []}, "its attempts do not end with its own job run id"),
        ("aggregate", {"rows": 7}, "outcomes add up to 478, expected 7 rows"),
    ],
)
def test_inconsistent_sums_are_reported(name: str, changes: dict[str, Any], fault: str) -> None:
    document = DOCUMENTS[name]
    assert faults(document, factory.changed(document, **changes)) == [fault]


def test_only_names_of_the_top_level_are_suggested() -> None:
    document = DOCUMENTS["delivery"]
    stopped = {"cause": "deadline", "detail": "", "stop": 1}
    found = faults(document, factory.changed(document, stopped=stopped, row=1))
    assert found == ["row is not a known name; did you mean rows?", "stopped.stop is not a known name"]


def test_texts_of_a_document_are_not_quoted() -> None:
    samples = {"user_id_null": [{"login_count": ["s3cr3t"]}]}
    found = faults(DOCUMENTS["scores"], factory.changed(DOCUMENTS["scores"], samples=samples, run_id={"a": "s3cr3t"}))
    assert "s3cr3t" not in "; ".join(found)


def test_many_faults_are_counted() -> None:
    found = faults(DOCUMENTS["delivery"], factory.changed(DOCUMENTS["delivery"], attempts=[0] * 1000))
    assert (len(found), found[-1]) == (51, "and 950 more")
