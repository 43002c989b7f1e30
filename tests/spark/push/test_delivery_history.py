"""The delivered snapshot summarizes all ledgers, including those that have expired."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyspark.sql import SparkSession

from engagement_jobs.common.aws import Store
from engagement_jobs.delivery.ledger import FIELDS
from engagement_jobs.push.delivery_history import LEDGER_SCHEMA, SNAPSHOT_SCHEMA, Snapshot, attempt_folders, read_ledger
from tests.support.glue_days import HOSTILE_IDS
from tests.support.glue_emulators import Bucket

POINTER = "delivered/_current.json"


def folder(day: str, attempt: str) -> str:
    return f"responses/dt={day}/attempt={attempt}/"


def write_attempt(bucket: Bucket, day: str, attempt: str, *entries: tuple[str, str, str, str]) -> str:
    """Write an attempt with one ledger part; return its folder.

    :param entries: (user, score, outcome, time of day)
    """
    where = folder(day, attempt)
    lines = [
        dict.fromkeys(FIELDS)
        | {"user_id": user, "score": score, "outcome": outcome, "settled_at": f"{day}T{time}:00.000Z", "revision": 0}
        for user, score, outcome, time in entries
    ]
    bucket.put(f"{where}agg-plan.json", b'{"user_id": "not a ledger line", "outcome": "delivered"}')
    if lines:
        body = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        bucket.put(f"{where}part-0-000000.jsonl", body.encode())
    return where


def current(spark: SparkSession, bucket: Bucket) -> dict[str, tuple[str, ...]]:
    """Return the snapshot as a job that starts now sees it: (date, score, outcome) by user."""
    spark.catalog.clearCache()
    rows = Snapshot(spark, Store(bucket.name)).current()
    assert rows.columns == SNAPSHOT_SCHEMA.names
    entries = [tuple(each) for each in rows.select("user_id", "score_date", "score", "outcome").collect()]
    assert len({user for user, *_ in entries}) == len(entries)
    return {user: tuple(rest) for user, *rest in entries}


def write_snapshot(spark: SparkSession, bucket: Bucket, attempt: str, where: str) -> None:
    """Write the next snapshot as a push job does after it has written its ledger."""
    spark.catalog.clearCache()
    Snapshot(spark, Store(bucket.name)).write(attempt, where)


def test_the_ledger_schema_has_the_fields_of_the_ledger() -> None:
    assert LEDGER_SCHEMA.names == list(FIELDS)


def test_without_ledgers_the_snapshot_is_empty(spark: SparkSession, bucket: Bucket) -> None:
    assert current(spark, bucket) == {}
    assert read_ledger(spark, Store(bucket.name), []).columns == [*FIELDS, "dt", "attempt"]
    assert read_ledger(spark, Store(bucket.name), []).count() == 0


def test_a_ledger_line_is_read_as_written(spark: SparkSession, bucket: Bucket) -> None:
    line: dict[str, Any] = dict.fromkeys(FIELDS, "text") | {
        "user_id": "U1",
        "revision": 3,
        "http_status": 200,
        "tries": 2,
        "latency_ms": 12.5,
    }
    nothing = dict.fromkeys(FIELDS) | {"user_id": "U2"}
    where = folder("2026-11-23", "jr_7")
    bucket.put(f"{where}part-0-000000.jsonl", json.dumps(line).encode() + b"\n")
    bucket.put(f"{where}part-canary-000000.jsonl", json.dumps(nothing).encode() + b"\n")
    bucket.put(f"{where}agg-0.json", b'{"user_id": "no line"}')
    rows = read_ledger(spark, Store(bucket.name), [where]).orderBy("user_id").collect()
    names = {"dt": "2026-11-23", "attempt": "jr_7"}
    assert [each.asDict() for each in rows] == [line | names, nothing | names]


def test_hostile_ids_survive_ledger_and_snapshot(spark: SparkSession, bucket: Bucket) -> None:
    where = write_attempt(bucket, "2026-11-23", "a", *((user, "1.00", "delivered", "03:00") for user in HOSTILE_IDS))
    assert set(current(spark, bucket)) == set(HOSTILE_IDS)
    write_snapshot(spark, bucket, "a", where)
    bucket.delete(f"{where}part-0-000000.jsonl")
    assert set(current(spark, bucket)) == set(HOSTILE_IDS)


def test_the_latest_entry_of_the_newest_date_counts(spark: SparkSession, bucket: Bucket) -> None:
    write_attempt(
        bucket,
        "2026-11-23",
        "early",
        ("corrected", "1.00", "delivered", "03:00"),
        ("in doubt", "1.00", "delivered", "03:00"),
        ("rejected", "1.00", "rejected", "03:00"),
        ("deferred", "1.00", "deferred", "03:00"),
        ("backfilled", "1.00", "delivered", "03:00"),
    )
    write_attempt(
        bucket,
        "2026-11-23",
        "a later one",
        ("corrected", "2.00", "delivered", "09:00"),
        ("in doubt", "2.00", "unknown", "09:00"),
    )
    # Sent later, but with the score of an older date.
    write_attempt(bucket, "2026-11-20", "z", ("backfilled", "9.00", "delivered", "23:00"))
    assert current(spark, bucket) == {
        "corrected": ("2026-11-23", "2.00", "delivered"),
        "in doubt": ("2026-11-23", "2.00", "unknown"),
        "backfilled": ("2026-11-23", "1.00", "delivered"),
    }


def test_each_version_includes_the_one_before(spark: SparkSession, bucket: Bucket) -> None:
    first = write_attempt(
        bucket, "2026-11-21", "a", ("kept", "1.00", "delivered", "03:00"), ("moved", "1.00", "unknown", "03:00")
    )
    write_snapshot(spark, bucket, "a", first)
    assert bucket.json(POINTER) == {"version": 1, "folder": "delivered/v=a/", "attempts": [first]}
    expected = {"kept": ("2026-11-21", "1.00", "delivered"), "moved": ("2026-11-21", "1.00", "unknown")}
    assert current(spark, bucket) == expected

    # A killed attempt leaves a ledger but no snapshot. Readers count its ledger; the next version includes it.
    killed = write_attempt(bucket, "2026-11-22", "killed", ("moved", "2.00", "delivered", "03:00"))
    expected |= {"moved": ("2026-11-22", "2.00", "delivered")}
    assert current(spark, bucket) == expected
    second = write_attempt(bucket, "2026-11-23", "b", ("new", "3.00", "delivered", "03:00"))
    write_snapshot(spark, bucket, "b", second)
    expected |= {"new": ("2026-11-23", "3.00", "delivered")}
    assert bucket.json(POINTER)["attempts"] == [first, killed, second]
    assert current(spark, bucket) == expected

    # Ledgers expire, but the snapshot keeps their entries.
    bucket.delete(*bucket.keys("responses/dt=2026-11-21/"), *bucket.keys("responses/dt=2026-11-22/"))
    assert current(spark, bucket) == expected
    third = write_attempt(bucket, "2026-11-24", "c", ("kept", "4.00", "delivered", "03:00"))
    write_snapshot(spark, bucket, "c", third)
    expected |= {"kept": ("2026-11-24", "4.00", "delivered")}
    assert bucket.json(POINTER)["attempts"] == [second, third]
    assert current(spark, bucket) == expected
    # The previous version stays for queries that are reading it, older ones are deleted.
    assert {key.split("/")[1] for key in bucket.keys("delivered/v=")} == {"v=b", "v=c"}


def test_without_a_new_ledger_there_is_no_new_version(spark: SparkSession, bucket: Bucket) -> None:
    where = write_attempt(bucket, "2026-11-21", "a", ("U1", "1.00", "delivered", "03:00"))
    write_snapshot(spark, bucket, "a", where)
    before = bucket.objects("delivered/")
    write_snapshot(spark, bucket, "b", where)
    assert bucket.objects("delivered/") == before


def test_an_incomplete_version_is_ignored(spark: SparkSession, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    where = write_attempt(bucket, "2026-11-21", "a", ("U1", "1.00", "delivered", "03:00"))
    write_snapshot(spark, bucket, "a", where)
    later = write_attempt(bucket, "2026-11-22", "b", ("U2", "2.00", "delivered", "03:00"))

    def refuse(*_: Any) -> None:
        raise OSError("S3 refuses")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "write_json", refuse)
        with pytest.raises(OSError, match="S3 refuses"):
            write_snapshot(spark, bucket, "b", later)
    assert bucket.json(POINTER)["folder"] == "delivered/v=a/"
    assert current(spark, bucket) == {
        "U1": ("2026-11-21", "1.00", "delivered"),
        "U2": ("2026-11-22", "2.00", "delivered"),
    }


def test_attempt_folders_are_listed_by_date(bucket: Bucket) -> None:
    write_attempt(bucket, "2026-11-23", "b")
    write_attempt(bucket, "2026-11-23", "a")
    write_attempt(bucket, "2026-11-24", "c")
    bucket.put("responses/dt=2026-11-23/_manifest.json", b"{}")
    bucket.put("responses/dt=2026-11-23/failed.csv", b"")
    assert attempt_folders(Store(bucket.name), "2026-11-23") == [folder("2026-11-23", name) for name in "ab"]
    assert attempt_folders(Store(bucket.name), "2026-11-25") == []
