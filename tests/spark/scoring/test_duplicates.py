"""How users with several rows are found, and what becomes of their rows."""

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
from engagement_jobs.scoring.validation import is_valid
from engagement_jobs.scoring.weights import Weights
from tests.support.glue_days import HOSTILE_IDS

NAN = float("nan")
METRICS = {
    "visits": {"type": "integer", "weight": 0.5, "cap": 2},
    "share": {"type": "number", "weight": 0.5, "cap": 1},
}
WEIGHTS = Weights.parse(json.dumps({"version": "1", "metrics": METRICS}).encode())
SCHEMA = "user_id string, visits int, share double"
OTHERS = [
    *((user, 1, 0.5) for user in HOSTILE_IDS),
    ("Case", 1, 0.5),
    ("case", 1, 0.5),
    ("case ", 1, 0.5),
]
UNFIT = [("negative", -1, 0.5), *[(None, 1, 0.5)] * 2, ("", 1, 0.5), ("", 2, 0.5), *[(" \t\u3000", 1, 0.5)] * 2]
REPEATED = [
    *[("twice", 1, 0.5)] * 2,
    *[("thrice", 2, 0.5)] * 3,
    *[("differs", 1, 0.5)] * 2,
    ("differs", 1, 0.6),
    ("half null", 1, 0.5),
    ("half null", 1, None),
    *[("both nan", 1, NAN)] * 2,
]
RESOLVED = [
    ("twice", 50.0, None),
    ("twice", None, None),
    ("thrice", 75.0, None),
    *[("thrice", None, None)] * 2,
    *[("differs", None, "conflicting_rows")] * 3,
    ("half null", None, "conflicting_rows"),
    ("half null", None, "share_null"),
    *[("both nan", None, "share_nan")] * 2,
]
"""User id, score and reason."""


@pytest.fixture
def rows(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(OTHERS + UNFIT + REPEATED, SCHEMA)


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


def resolved(rows: DataFrame) -> list[list[Any]]:
    """User id and score of the others' rows; unfit rows; user id, score and reason of the repeated users' rows."""
    found_users, is_fit = find_duplicate_users(rows), is_valid(WEIGHTS.names)
    others, unfit, these = found_users.split(rows, is_fit)
    others = with_score(others, WEIGHTS, is_fit)
    repeated = found_users.compare(with_score(these, WEIGHTS, is_fit), WEIGHTS.names)
    assert [*others.columns, "reason"] == repeated.columns
    found = (others.select("user_id", "score"), unfit, repeated.select("user_id", "score", "reason"))
    return [sorted(map(tuple, each.collect()), key=str) for each in found]


def test_only_hashes_that_several_rows_have_are_found(spark: SparkSession, rows: DataFrame) -> None:
    found = find_duplicate_users(rows)
    names = ["both nan", "differs", "half null", "thrice", "twice"]
    hashes = spark.createDataFrame([(name,) for name in names], "user_id string").select(F.xxhash64("user_id"))
    assert found.count == 5
    assert sorted(found.hashes.collect()) == sorted(hashes.collect())


@pytest.mark.usefixtures("_join")
def test_identical_rows_count_once_and_others_conflict(rows: DataFrame) -> None:
    others = [(user, 50.0) for user, *_ in OTHERS] + [(user, None) for user, *_ in UNFIT]
    assert resolved(rows) == [sorted(each, key=str) for each in (others, UNFIT, RESOLVED)]


def test_users_with_the_same_hash_are_not_mixed_up(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_hash", lambda: F.lit(7).cast("long"))
    rows = spark.createDataFrame([*OTHERS[:4], *REPEATED], SCHEMA)
    assert find_duplicate_users(rows).count == 1
    alone = [(user, 50.0, None) for user, *_ in OTHERS[:4]]
    assert resolved(rows) == [[], [], sorted([*alone, *RESOLVED], key=str)]


@pytest.mark.parametrize("ids", [["a", "b", None, None, "", ""], []])
def test_rows_of_users_with_one_row_are_left_alone(spark: SparkSession, ids: list[str | None]) -> None:
    rows = spark.createDataFrame([(each, 1, 0.5) for each in ids], SCHEMA)
    found = find_duplicate_users(rows)
    assert found.count == 0
    others, unfit, these = found.split(rows, F.col("user_id") == "a")
    assert [user for user, *_ in others.collect()] == ids
    assert [user for user, *_ in unfit.collect()] == ids[1:]
    repeated = found.compare(with_score(these, WEIGHTS), WEIGHTS.names)
    assert repeated.collect() == []
    assert repeated.columns == [*rows.columns, "score", "reason"]
