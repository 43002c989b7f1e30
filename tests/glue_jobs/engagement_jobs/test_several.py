"""Users with several rows, found by the hashes of their ids."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs import several
from engagement_jobs.activity import with_reason, with_verdict
from engagement_jobs.several import HASH, Several, with_hash
from tests.support.glue_days import HOSTILE_IDS

IDS = [*HOSTILE_IDS, "once", "twice", "twice", "thrice", "thrice", "thrice", None, None, "", "", " \t", "\u3000"]


def test_only_ids_that_several_rows_have_are_named(spark: SparkSession) -> None:
    hashed = with_hash(spark.createDataFrame([(each,) for each in IDS], "user_id string"))
    found = Several.find(hashed)
    wanted = spark.createDataFrame([("twice",), ("thrice",)], "user_id string").select(F.xxhash64("user_id"))
    assert found.number == 2
    assert sorted(found.hashes.collect()) == sorted(wanted.collect())


@pytest.mark.parametrize(
    ("most", "apart"), [(2, {"twice", "thrice"}), (1, {each for each in IDS if each and each.strip()})]
)
def test_rows_are_split(spark: SparkSession, monkeypatch: pytest.MonkeyPatch, most: int, apart: set[str]) -> None:
    monkeypatch.setattr(several, "_MOST", most)
    hashed = with_hash(spark.createDataFrame([(each,) for each in IDS], "user_id string"))
    alone, together = Several.find(hashed).split(hashed)
    assert together is not None
    met = [row.user_id for row in together.collect()]
    assert set(met) == apart
    left = [row.user_id for row in alone.collect()]
    assert sorted(map(str, met + left)) == sorted(map(str, IDS))


def test_where_each_user_has_one_row_all_stay_where_they_are(spark: SparkSession) -> None:
    hashed = with_hash(spark.createDataFrame([("a",), ("b",), (None,), (None,)], "user_id string"))
    assert Several.find(hashed).split(hashed) == (hashed, None)


def test_users_of_one_hash_are_not_taken_for_one(spark: SparkSession) -> None:
    rows = [("a", 1), ("b", 2), ("c", 3), ("c", 3), ("d", 4), ("d", 5)]
    hashed = spark.createDataFrame(rows, "user_id string, visits int").withColumn(HASH, F.lit(7).cast("long"))
    hashed = with_reason(hashed, ["visits"])
    judged = with_verdict(hashed, ["visits"], Several.find(hashed)).select("user_id", "reason", "copy")
    assert sorted(map(tuple, judged.collect())) == [
        ("a", None, 1),
        ("b", None, 1),
        ("c", None, 1),
        ("c", None, 2),
        ("d", "conflicting_rows", 1),
        ("d", "conflicting_rows", 2),
    ]
