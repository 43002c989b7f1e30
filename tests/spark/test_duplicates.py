"""How users with several rows are found, and what becomes of their rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs import duplicates
from engagement_jobs.duplicates import find_duplicate_users
from tests.support.glue_days import HOSTILE_IDS

NAN = float("nan")
ROWS = [
    *((user, 1, 0.5, 50.0, None) for user in HOSTILE_IDS),
    ("twice", 1, 0.5, 50.0, None),
    ("twice", 1, 0.5, 50.0, None),
    ("thrice", 2, 0.5, 50.0, None),
    ("thrice", 2, 0.5, 50.0, None),
    ("thrice", 2, 0.5, 50.0, None),
    ("differs", 1, 0.5, 50.0, None),
    ("differs", 1, 0.5, 50.0, None),
    ("differs", 1, 0.6, 55.0, None),
    ("half null", 1, 0.5, 50.0, None),
    ("half null", 1, None, None, "share_null"),
    ("both nan", 1, NAN, None, "share_nan"),
    ("both nan", 1, NAN, None, "share_nan"),
    ("Case", 1, 0.5, 50.0, None),
    ("case", 1, 0.5, 50.0, None),
    ("case ", 1, 0.5, 50.0, None),
    (None, 1, 0.5, None, "user_id_null"),
    (None, 1, 0.5, None, "user_id_null"),
    ("", 1, 0.5, None, "user_id_blank"),
    ("", 2, 0.5, None, "user_id_blank"),
    (" \t\u3000", 2, 0.5, None, "user_id_blank"),
    (" \t\u3000", 1, 0.5, None, "user_id_blank"),
]
"""User id, two metrics, and what each row by itself has: a score or a reason."""
RESOLVED = [
    *((user, 50.0, None) for user in HOSTILE_IDS),
    ("twice", 50.0, None),
    ("twice", None, None),
    ("thrice", 50.0, None),
    ("thrice", None, None),
    ("thrice", None, None),
    *[("differs", None, "conflicting_rows")] * 3,
    ("half null", None, "conflicting_rows"),
    ("half null", None, "share_null"),
    *[("both nan", None, "share_nan")] * 2,
    ("Case", 50.0, None),
    ("case", 50.0, None),
    ("case ", 50.0, None),
    *[(None, None, "user_id_null")] * 2,
    *[("", None, "user_id_blank")] * 2,
    *[(" \t\u3000", None, "user_id_blank")] * 2,
]


@pytest.fixture
def rows(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(ROWS, "user_id string, visits int, share double, score double, reason string")


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


def resolved(rows: DataFrame) -> list[tuple[str | None, float | None, str | None]]:
    others, repeated = find_duplicate_users(rows).resolve(rows, ["visits", "share"])
    found = others.union(repeated)
    assert found.columns == rows.columns
    return sorted(map(tuple, found.select("user_id", "score", "reason").collect()), key=str)


def test_only_hashes_that_several_rows_have_are_found(spark: SparkSession, rows: DataFrame) -> None:
    found = find_duplicate_users(rows)
    names = ["both nan", "differs", "half null", "thrice", "twice"]
    hashes = spark.createDataFrame([(name,) for name in names], "user_id string").select(F.xxhash64("user_id"))
    assert found.count == 5
    assert sorted(found.hashes.collect()) == sorted(hashes.collect())


@pytest.mark.usefixtures("_join")
def test_identical_rows_count_once_and_others_conflict(rows: DataFrame) -> None:
    assert resolved(rows) == sorted(RESOLVED, key=str)


def test_users_with_the_same_hash_are_not_mixed_up(rows: DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_user_hash", lambda: F.when(F.trim("user_id") > " ", F.lit(7).cast("long")))
    assert find_duplicate_users(rows).count == 1
    assert resolved(rows) == sorted(RESOLVED, key=str)


@pytest.mark.parametrize("ids", [["a", "b", None, None, "", ""], []])
def test_rows_of_users_with_one_row_are_left_alone(spark: SparkSession, ids: list[str | None]) -> None:
    rows = spark.createDataFrame([(each, 50.0) for each in ids], "user_id string, score double")
    found = find_duplicate_users(rows)
    assert found.count == 0
    others, repeated = found.resolve(rows, [])
    assert others is rows
    assert repeated.collect() == []
