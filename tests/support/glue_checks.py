"""Invariants that hold after every push, whatever happened during it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from engagement_jobs.contract.outcomes import OUTCOMES
from engagement_jobs.delivery.ledger import FIELDS
from tests.support.glue_days import DAY
from tests.support.glue_emulators import Bucket

AGGREGATE_KEYS = {
    *("version", "run_id", "job_run_id", "task", "started_at", "rows", "outcomes", "posts", "retries"),
    *("status_codes", "latency", "errors", "seconds"),
}


def ledger(bucket: Bucket, job_run_id: str, day: str = DAY) -> list[dict[str, Any]]:
    """Return all lines that an attempt wrote."""
    folder = f"responses/dt={day}/attempt={job_run_id}/part-"
    return [line for key in bucket.keys(folder) for line in bucket.lines(key)]


def aggregates(bucket: Bucket, folder: str) -> dict[str, dict[str, Any]]:
    """Return an attempt's aggregates by task."""
    documents = [bucket.json(key) for key in bucket.keys(f"{folder}agg-")]
    return {document["task"]: document for document in documents}


def check_push_invariants(bucket: Bucket, manifest: dict[str, Any], rows: int) -> dict[str, dict[str, Any]]:
    """Check that every row has one outcome, and that ledger, aggregates and manifest agree; return the aggregates."""
    day, attempt = manifest["score_date"], manifest["job_run_id"]
    assert bucket.json(f"responses/dt={day}/_manifest.json") == manifest
    assert list(manifest["outcomes"]) == list(OUTCOMES)
    assert sum(manifest["outcomes"].values()) == manifest["rows"] == rows

    by_task = aggregates(bucket, f"responses/dt={day}/attempt={attempt}/")
    total: dict[str, Counter[str]] = {name: Counter() for name in ("outcomes", "status_codes")}
    for document in by_task.values():
        assert document.keys() == AGGREGATE_KEYS
        assert (document["run_id"], document["job_run_id"]) == (manifest["run_id"], attempt)
        assert sum(document["outcomes"].values()) == document["rows"]
        assert sum(document["seconds"]["posts"]) == document["posts"]
        assert sum(document["latency"].values()) == sum(document["status_codes"].values()) <= document["posts"]
        for name, counts in total.items():
            counts.update(document[name])
    assert {name: total["outcomes"][name] for name in OUTCOMES} == manifest["outcomes"]
    assert total["status_codes"] == manifest["status_codes"]
    for name in ("posts", "retries"):
        assert sum(document[name] for document in by_task.values()) == manifest[name]
    assert by_task["plan"]["posts"] == 0

    lines = ledger(bucket, attempt, day)
    assert all(list(line) == list(FIELDS) and line["run_id"] == manifest["run_id"] for line in lines)
    assert len({line["user_id"] for line in lines}) == len(lines)
    written = Counter(line["outcome"] for line in lines)
    assert all(count <= manifest["outcomes"][outcome] for outcome, count in written.items())
    errors = Counter[str]()
    for group in manifest["errors"]:
        assert group.keys() == {"outcome", "reason", "http_status", "detail", "count"}
        errors[group["outcome"]] += group["count"]
    assert errors == {name: n for name in ("rejected", "unknown", "deferred") if (n := manifest["outcomes"][name])}

    failed = bucket.table(f"responses/dt={day}/failed.csv")
    assert failed[0] == ["UserID", "outcome", "reason", "http_status"]
    assert Counter(row[1] for row in failed[1:]) == errors
    assert [row[0] for row in failed[1:]] == sorted((row[0] for row in failed[1:]), key=str.encode)
    return by_task
