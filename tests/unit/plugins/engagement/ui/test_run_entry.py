"""Summaries are untrusted input: each becomes a run or a reason, never an exception."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engagement.contract.outcomes import OUTCOMES
from engagement.ui.run_entry import MAX_SUMMARY_BYTES, MAX_TEXT_LENGTH, Run, UnreadableRun, read
from engagement.ui.run_keys import RunLocation
from tests.unit.plugins.engagement.dashboard_factory import a_run, a_summary
from tests.unit.plugins.engagement.memory_bucket import WRITTEN

LOCATION = RunLocation("2026-11-23", "x-0123abcd")


def read_run(body: bytes | None, location: RunLocation = LOCATION) -> Run | UnreadableRun:
    return read(location, WRITTEN, body)


def reason_of(body: bytes | None) -> str:
    run = read_run(body)
    assert isinstance(run, UnreadableRun)
    assert (run.location, run.written, run.score_date) == (LOCATION, WRITTEN, "2026-11-23")
    return run.reason


def test_a_valid_summary_is_a_run() -> None:
    run = read_run(json.dumps(a_summary()).encode())
    assert isinstance(run, Run)
    assert (run.score_date, run.summary.rows, run.summary.not_reached, run.kind) == ("2026-11-23", 1000, 8, "success")
    assert run.outcomes["delivered"] == 970
    assert list(run.outcomes) == [*OUTCOMES, "unaccounted"]
    assert run.p95_ms == pytest.approx(83, rel=0.03)
    assert run.summary.cost_usd == pytest.approx(0.088, abs=0.001)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "success"),
        ({"status": "failed"}, "failed"),
        ({"mode": "dry_run"}, "planned"),
        ({"mode": "dry_run", "status": "failed"}, "failed"),
    ],
)
def test_the_kind_matches_the_report(changes: dict[str, Any], kind: str) -> None:
    assert a_run(**changes).kind == kind


def test_unknown_values_stay_unknown() -> None:
    run = a_run(cost_usd=None, latency_ms={"p95": None})
    assert (run.summary.cost_usd, run.p95_ms) == (None, None)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "it no longer exists"),
        (b"", "not JSON: "),
        (b"[1]", "expected a JSON object, got a list"),
        (b'{"version": 2}', "version: expected 1, got 2"),
        (b" " * (MAX_SUMMARY_BYTES + 1), f"it is larger than {MAX_SUMMARY_BYTES:,} bytes"),
    ],
)
def test_other_objects_are_unreadable(body: bytes | None, reason: str) -> None:
    assert reason_of(body).startswith(reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rows": -1}, "rows: expected a count, got -1"),
        ({"rows": 10**15}, "rows: expected a count, got 1000000000000000"),
        ({"outcomes": {"planned": 1}}, "outcomes.deferred: required; outcomes.delivered: required; "),
        ({"latency_ms": None}, "latency_ms: expected a JSON object, got None"),
        ({"cost_usd": -0.1}, "cost_usd: expected greater than or equal to 0, got -0.1"),
        ({"status": "splendid"}, "status: expected one of success, failed, got a str"),
        ({"score_date": "2026-11-22"}, "its score_date is 2026-11-22, which is not the date in its key"),
        ({"score_date": "today"}, "score_date: expected a calendar date (YYYY-MM-DD) for score_date, got 'today'"),
    ],
)
def test_invalid_values_are_unreadable(changes: dict[str, Any], reason: str) -> None:
    assert reason_of(json.dumps(a_summary() | changes).encode()).startswith(reason)


def test_long_texts_are_shortened() -> None:
    assert len(a_run(headline="x" * 10_000).summary.headline) == MAX_TEXT_LENGTH
