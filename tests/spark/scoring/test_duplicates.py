"""Detection of users with several rows, and which of their rows are scored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.scoring import duplicates
from engagement_jobs.scoring.duplicates import find_duplicate_users
from engagement_jobs.scoring.formula import with_score
from engagement_jobs.scoring.row_validation import is_valid
from engagement_jobs.scoring.weights import Weights
from tests.support.glue_days import HOSTILE_IDS

NAN = float("nan")
METRICS = {
    "visits": {"type": "integer", "weight": 0.5, "cap": 2},
    "share": {"type": "number", "weight": 0.5, "cap": 1},
}
WEIGHTS = Weights.parse(json.dumps({"version": "1", "metrics": METRICS}).encode())
SCHEMA = "user_id string, visits int, share double"
UNIQUE = [
    *((user, 1, 0.5) for user in HOSTILE_IDS),
    ("Case", 1, 0.5),
    ("case", 1, 0.5),
    ("case ", 1, 0.5),
]
INVALID = [("negative", -1, 0.5), *[(None, 1, 0.5)] * 2, ("", 1, 0.5), ("", 2, 0.5), *[(" \t\u3000", 1, 0.5)] * 2]
DUPLICATES = [
    *[("twice", 1, 0.5)] * 2,
    *[("three times", 2, 0.5)] * 3,
    *[("differs", 1, 0.5)] * 2,
    ("differs", 1, 0.6),
    ("half null", 1, 0.5),
    ("half null", 1, None),
    *[("both nan", 1, NAN)] * 2,
]
RESOLVED = [
    ("twice", 50.0, None),
    ("twice", None, None),
    ("three times", 75.0, None),
    *[("three times", None, None)] * 2,
    *[("differs", None, "conflicting_rows")] * 3,
    ("half null", None, "conflicting_rows"),
    ("half null", None, "share_null"),
    *[("both nan", None, "share_nan")] * 2,
]
"""User id, score and reason."""


@pytest.fixture
def rows(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(UNIQUE + INVALID + DUPLICATES, SCHEMA)


@pytest.fixture(params=[(500, 10 << 20), (0, 10 << 20), (0, -1)], ids=["listed", "broadcast", "shuffled"])
def _join(spark: SparkSession, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the hashes into a filter, have Spark broadcast them, or have it shuffle them together with the rows."""
    max_listed, max_broadcast = request.param
    name = "spark.sql.autoBroadcastJoinThreshold"
    before = spark.conf.get(name)
    monkeypatch.setattr(duplicates, "_MAX_LISTED_HASHES", max_listed)
    spark.conf.set(name, max_broadcast)
    yield
    spark.conf.set(name, str(before))


def split_and_resolve(rows: DataFrame) -> list[list[Any]]:
    """Split, score and resolve the rows.

    :return: user id and score of unique rows; invalid unique rows; user id, score and reason of duplicates
    """
    duplicate_users, valid = find_duplicate_users(rows), is_valid(WEIGHTS.metric_names)
    split = duplicate_users.split(rows, valid)
    unique = with_score(split.unique, WEIGHTS, valid)
    duplicates = duplicate_users.resolve(with_score(split.duplicates, WEIGHTS, valid), WEIGHTS.metric_names)
    assert [*unique.columns, "reason"] == duplicates.columns
    frames = (
        unique.select("user_id", "score"),
        split.invalid_unique,
        duplicates.select("user_id", "score", "reason"),
    )
    return [sorted(map(tuple, frame.collect()), key=str) for frame in frames]


def test_only_hashes_of_users_with_several_rows_are_found(spark: SparkSession, rows: DataFrame) -> None:
    duplicate_users = find_duplicate_users(rows)
    names = ["both nan", "differs", "half null", "three times", "twice"]
    hashes = spark.createDataFrame([(name,) for name in names], "user_id string").select(F.xxhash64("user_id"))
    assert duplicate_users.count == 5
    assert sorted(duplicate_users.hashes.collect()) == sorted(hashes.collect())


@pytest.mark.usefixtures("_join")
def test_identical_rows_score_once_and_different_conflict(rows: DataFrame) -> None:
    unique = [(user, 50.0) for user, *_ in UNIQUE] + [(user, None) for user, *_ in INVALID]
    assert split_and_resolve(rows) == [sorted(each, key=str) for each in (unique, INVALID, RESOLVED)]


def test_users_with_the_same_hash_are_kept_apart(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_hash", lambda: F.lit(7).cast("long"))
    rows = spark.createDataFrame([*UNIQUE[:4], *DUPLICATES], SCHEMA)
    assert find_duplicate_users(rows).count == 1
    unique = [(user, 50.0, None) for user, *_ in UNIQUE[:4]]
    assert split_and_resolve(rows) == [[], [], sorted([*unique, *RESOLVED], key=str)]


@pytest.mark.parametrize("ids", [["a", "b", None, None, "", ""], []])
def test_rows_of_users_with_one_row_are_unique(spark: SparkSession, ids: list[str | None]) -> None:
    rows = spark.createDataFrame([(each, 1, 0.5) for each in ids], SCHEMA)
    duplicate_users = find_duplicate_users(rows)
    assert duplicate_users.count == 0
    split = duplicate_users.split(rows, F.col("user_id") == "a")
    assert [user for user, *_ in split.unique.collect()] == ids
    assert [user for user, *_ in split.invalid_unique.collect()] == ids[1:]
    resolved = duplicate_users.resolve(with_score(split.duplicates, WEIGHTS), WEIGHTS.metric_names)
    assert resolved.collect() == []
    assert resolved.columns == [*rows.columns, "score", "reason"]
