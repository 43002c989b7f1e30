"""The runs of a window take two listings, and each summary is read once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from engagement.ui import run_list
from engagement.ui.run_entry import Run, UnreadableRun
from engagement.ui.run_list import RunReader, RunWindow
from tests.unit.plugins.engagement.dashboard_factory import Bucket, a_summary

FIRST = date(2026, 11, 10)


def written(day: int, hour: int = 4) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def ids(recent: RunWindow) -> list[str]:
    return [run.summary.run_id if isinstance(run, Run) else f"? {run.location.run}" for run in recent.runs]


def a_bucket() -> Bucket:
    bucket = Bucket()
    for day in (9, 10, 11):
        bucket.put_run(a_summary(f"2026-11-{day:02}"), written(day))
    return bucket


def test_runs_of_the_window_newest_first() -> None:
    bucket = a_bucket()
    recent = RunReader().recent(bucket, FIRST)
    assert ids(recent) == ["scheduled__2026-11-11T03:00:00+00:00", "scheduled__2026-11-10T03:00:00+00:00"]
    assert bucket.listings == [("summaries/dt=", "summaries/dt=2026-11-10"), ("dry_runs/", "")]
    assert len(bucket.reads) == 2
    assert {run.location for run in recent.runs} == recent.reports


def test_the_latest_run_of_a_date_is_first() -> None:
    bucket = a_bucket()
    bucket.put_run(a_summary("2026-11-11", run_id="again"), written(11, 9))
    bucket.put_run(a_summary("2026-11-11", run_id="before"), written(11, 2))
    assert ids(RunReader().recent(bucket, date(2026, 11, 11))) == [
        "again",
        "scheduled__2026-11-11T03:00:00+00:00",
        "before",
    ]


def test_a_summary_is_read_again_only_after_a_change() -> None:
    bucket, runs = a_bucket(), RunReader()
    first = runs.recent(bucket, FIRST)
    assert runs.recent(bucket, FIRST) == first
    assert len(bucket.reads) == 2
    key = bucket.put_run(a_summary("2026-11-11", status="failed"), written(11, 9))
    again = runs.recent(bucket, FIRST).runs[0]
    assert isinstance(again, Run)
    assert (again.summary.status, again.written) == ("failed", written(11, 9))
    assert bucket.reads[2:] == [key]


def test_the_cache_is_bounded() -> None:
    bucket, runs = a_bucket(), RunReader(max_cached=1)
    runs.recent(bucket, FIRST)
    runs.recent(bucket, FIRST)
    assert len(bucket.reads) in (3, 4)  # two threads read at once, and either result may be kept
    assert len(runs._cache) == 1


def test_dry_runs_before_the_window_are_not_read() -> None:
    bucket = Bucket()
    for date_, run_id, day in [
        ("2026-11-10", "manual__2026-11-12T10:00:00+00:00", 12),
        ("2026-11-11", "custom", 11),
        ("2026-11-10", "scheduled__2026-11-09T23:00:00+00:00", 10),  # scheduled on the day before in UTC
    ]:
        bucket.put_run(a_summary(date_, run_id=run_id, mode="dry_run"), written(day))
    bucket.put_run(a_summary("2025-01-01", run_id="backfill__2025-01-01T03:00:00+00:00", mode="dry_run"), written(12))
    bucket.put_run(a_summary("2026-11-05", run_id="old", mode="dry_run"), written(5))
    bucket.put_run(a_summary("2026-11-05", run_id="late", mode="dry_run"), written(12))
    bucket.put("dry_runs/custom-0123abcd/_manifest.json", b"{}", written(12))
    recent = RunReader().recent(bucket, FIRST)
    assert ids(recent) == ["custom", "manual__2026-11-12T10:00:00+00:00", "scheduled__2026-11-09T23:00:00+00:00"]
    assert {run.location for run in recent.runs} <= recent.reports
    assert [key for key in bucket.reads if "backfill" in key or "/old" in key] == []


def test_an_unreadable_summary_is_listed() -> None:
    bucket = a_bucket()
    bucket.put("summaries/dt=2026-11-11/runs/x-0123abcd.json", b"{", written(11, 9))
    recent = RunReader().recent(bucket, FIRST)
    broken = recent.runs[0]
    assert isinstance(broken, UnreadableRun)
    assert (broken.score_date, broken.reason) == (
        "2026-11-11",
        "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    )
    assert broken.location not in recent.reports
    assert len(recent.runs) == 3


def test_a_large_object_is_not_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engagement.ui.run_entry.MAX_SUMMARY_BYTES", 10)
    bucket = a_bucket()
    assert [type(run) for run in RunReader().recent(bucket, FIRST).runs] == [UnreadableRun, UnreadableRun]
    assert bucket.reads == []


def test_runs_beyond_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_list, "MAX_RUNS", 2)
    bucket = a_bucket()
    recent = RunReader().recent(bucket, FIRST - timedelta(days=5))
    assert [run.score_date for run in recent.runs] == ["2026-11-11", "2026-11-10"]
    assert recent.left_out == 1
    assert len(bucket.reads) == 2
