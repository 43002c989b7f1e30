"""How rows are counted, and users with several found, by the rows' fingerprints."""

from __future__ import annotations

from collections import Counter

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs import several
from engagement_jobs.activity import verdict
from engagement_jobs.fingerprints import FINGERPRINT, KIND_BITS, NOBODY, NOT_SCORED, user_hash, with_fingerprint
from engagement_jobs.several import look
from tests.support.glue_days import HOSTILE_IDS

IDS = [*HOSTILE_IDS, "once", "twice", "twice", "thrice", "thrice", "thrice", None, None, "", "", " \t", "\u3000"]

SIZES = pytest.mark.parametrize("size", [several.ON_DRIVER + 1, several.ON_DRIVER], ids=["together", "on the driver"])


def marked(spark: SparkSession, ids: list[str | None]) -> DataFrame:
    """Users with 50 points; who has no id has no score."""
    rows = [(each, 50.0 if each and each.strip() else None) for each in ids]
    return with_fingerprint(spark.createDataFrame(rows, "user_id string, score double"))


@SIZES
def test_only_ids_that_several_rows_have_are_named(spark: SparkSession, size: int) -> None:
    _, found = look(marked(spark, IDS), size)
    wanted = marked(spark, ["twice", "thrice"]).select(user_hash())
    assert found.number == 2
    assert sorted(found.hashes.collect()) == sorted(wanted.collect())


@SIZES
def test_rows_are_counted_by_kind(spark: SparkSession, size: int) -> None:
    scores = [("a", 0.0), ("b", 4.99), ("c", 5.0), ("d", 100.0), ("e", None), ("f", None), ("", None), (None, None)]
    rows = with_fingerprint(spark.createDataFrame(scores, "user_id string, score double"))
    kinds, found = look(rows, size)
    assert +kinds == Counter({0: 2, 1: 1, 19: 1, NOT_SCORED: 2, NOBODY: 2})
    assert found.number == 0


@SIZES
@pytest.mark.parametrize(
    ("most", "apart"), [(2, {"twice", "thrice"}), (1, {each for each in IDS if each and each.strip()})]
)
def test_rows_are_split(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, most: int, apart: set[str], size: int
) -> None:
    monkeypatch.setattr(several, "_MOST", most)
    rows = marked(spark, IDS)
    alone, together = look(rows, size)[1].split(rows)
    met = [row.user_id for row in together.collect()]
    assert set(met) == apart
    left = [row.user_id for row in alone.collect()]
    assert sorted(map(str, met + left)) == sorted(map(str, IDS))


@SIZES
@pytest.mark.parametrize("ids", [["a", "b", None, None], [None], []])
def test_where_each_user_has_one_row_all_stay_where_they_are(
    spark: SparkSession, ids: list[str | None], size: int
) -> None:
    rows = marked(spark, ids)
    _, found = look(rows, size)
    alone, together = found.split(rows)
    assert (found.number, together.count()) == (0, 0)
    assert [row.user_id for row in alone.collect()] == ids


@pytest.mark.parametrize(("size", "on_driver"), [(several.ON_DRIVER, True), (several.ON_DRIVER + 1, False)])
def test_the_driver_looks_at_an_extract_of_so_many_bytes_itself(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, size: int, on_driver: bool
) -> None:
    looked: list[DataFrame] = []
    monkeypatch.setattr(several, "_on_driver", looked.append)
    monkeypatch.setattr(several, "_on_workers", lambda _: None)
    look(marked(spark, ["a"]), size)
    assert bool(looked) == on_driver


def test_users_of_one_hash_are_not_taken_for_one(spark: SparkSession) -> None:
    rows = [("a", 1), ("b", 2), ("c", 3), ("c", 3), ("d", 4), ("d", 5)]
    same = F.lit(7 << KIND_BITS | 1).cast("long")
    alike = spark.createDataFrame(rows, "user_id string, visits int").withColumn("score", F.lit(5.0))
    alike = alike.withColumn(FINGERPRINT, same)
    _, found = look(alike, 0)
    assert [tuple(each) for each in found.hashes.collect()] == [(7,)]
    judged = verdict(alike, ["visits"], found).select("user_id", "reason", "copy", "score")
    assert sorted(map(tuple, judged.collect()), key=str) == [
        ("a", None, 1, 5.0),
        ("b", None, 1, 5.0),
        ("c", None, 1, 5.0),
        ("c", None, 2, None),
        ("d", "conflicting_rows", 1, None),
        ("d", "conflicting_rows", 2, None),
    ]
