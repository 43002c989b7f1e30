"""How users with several rows are found, and what becomes of their rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs import duplicates
from engagement_jobs.duplicates import find_duplicate_users
from tests.support.glue_days import HOSTILE_IDS

NAN = float("nan")
OTHERS = [
    *((user, 1, 0.5, 50.0) for user in HOSTILE_IDS),
    ("Case", 1, 0.5, 50.0),
    ("case", 1, 0.5, 50.0),
    ("case ", 1, 0.5, 50.0),
    ("negative", -1, 0.5, None),
    (None, 1, 0.5, None),
    (None, 1, 0.5, None),
    ("", 1, 0.5, None),
    ("", 2, 0.5, None),
    (" \t\u3000", 1, 0.5, None),
    (" \t\u3000", 1, 0.5, None),
]
"""User id, two metrics, and the score of the row by itself."""
REPEATED = [
    ("twice", 1, 0.5, 50.0),
    ("twice", 1, 0.5, 50.0),
    ("thrice", 2, 0.5, 50.0),
    ("thrice", 2, 0.5, 50.0),
    ("thrice", 2, 0.5, 50.0),
    ("differs", 1, 0.5, 50.0),
    ("differs", 1, 0.5, 50.0),
    ("differs", 1, 0.6, 55.0),
    ("half null", 1, 0.5, 50.0),
    ("half null", 1, None, None),
    ("both nan", 1, NAN, None),
    ("both nan", 1, NAN, None),
]
RESOLVED = [
    ("both nan", None, "share_nan"),
    ("both nan", None, "share_nan"),
    ("differs", None, "conflicting_rows"),
    ("differs", None, "conflicting_rows"),
    ("differs", None, "conflicting_rows"),
    ("half null", None, "conflicting_rows"),
    ("half null", None, "share_null"),
    ("thrice", 50.0, None),
    ("thrice", None, None),
    ("thrice", None, None),
    ("twice", 50.0, None),
    ("twice", None, None),
]


@pytest.fixture
def rows(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(OTHERS + REPEATED, "user_id string, visits int, share double, score double")


@pytest.fixture(params=[(500, 10 << 20), (0, 10 << 20), (0, -1)], ids=["listed", "broadcast", "shuffled"])
def _join(spark: SparkSession, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the hashes into a filter, let Spark broadcast them, or shuffle them with the rows as if they were many."""
    max_listed, max_broadcast = request.param
    name = "spark.sql.autoBroadcastJoinThreshold"
    before = spark.conf.get(name)
    monkeypatch.setattr(duplicates, "_MAX_LISTED", max_listed)
    spark.conf.set(name, max_broadcast)
    yield
    spark.conf.set(name, str(before))


def resolved(rows: DataFrame) -> tuple[list[Any], list[Any]]:
    """User id and score of the others' rows; user id, score and reason of the repeated users' rows."""
    others, repeated = find_duplicate_users(rows).resolve(rows, ["visits", "share"])
    assert [*others.columns, "reason"] == repeated.columns
    found = (others.select("user_id", "score"), repeated.select("user_id", "score", "reason"))
    first, second = (sorted(map(tuple, each.collect()), key=str) for each in found)
    return first, second


def test_only_hashes_that_several_rows_have_are_found(spark: SparkSession, rows: DataFrame) -> None:
    found = find_duplicate_users(rows)
    names = ["both nan", "differs", "half null", "thrice", "twice"]
    hashes = spark.createDataFrame([(name,) for name in names], "user_id string").select(F.xxhash64("user_id"))
    assert found.count == 5
    assert sorted(found.hashes.collect()) == sorted(hashes.collect())


@pytest.mark.usefixtures("_join")
def test_identical_rows_count_once_and_others_conflict(rows: DataFrame) -> None:
    others = sorted(((user, score) for user, *_, score in OTHERS), key=str)
    assert resolved(rows) == (others, sorted(RESOLVED, key=str))


def test_users_with_the_same_hash_are_not_mixed_up(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_user_hash", lambda: F.lit(7).cast("long"))
    schema = "user_id string, visits int, share double, score double"
    rows = spark.createDataFrame([*OTHERS[:4], *REPEATED], schema)
    assert find_duplicate_users(rows).count == 1
    alone = [(user, score, None) for user, *_, score in OTHERS[:4]]
    assert resolved(rows) == ([], sorted([*alone, *RESOLVED], key=str))


@pytest.mark.parametrize("ids", [["a", "b", None, None, "", ""], []])
def test_rows_of_users_with_one_row_are_left_alone(spark: SparkSession, ids: list[str | None]) -> None:
    rows = spark.createDataFrame([(each, 50.0) for each in ids], "user_id string, score double")
    found = find_duplicate_users(rows)
    assert found.count == 0
    others, repeated = found.resolve(rows, [])
    assert others is rows
    assert repeated.collect() == []
    assert repeated.columns == ["user_id", "score", "reason"]
