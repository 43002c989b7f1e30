"""Users with several rows, found by the hashes of their ids."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs import several
from engagement_jobs.activity import verdict
from engagement_jobs.several import HASH, Several, with_hash
from tests.support.glue_days import HOSTILE_IDS

IDS = [*HOSTILE_IDS, "once", "twice", "twice", "thrice", "thrice", "thrice", None, None, "", "", " \t", "\u3000"]


ROWS = pytest.mark.parametrize("rows", [several._ON_DRIVER + 1, len(IDS)], ids=["together", "on the driver"])


@ROWS
def test_only_ids_that_several_rows_have_are_named(spark: SparkSession, rows: int) -> None:
    hashed = with_hash(spark.createDataFrame([(each,) for each in IDS], "user_id string"))
    found = Several.find(hashed, rows)
    wanted = spark.createDataFrame([("twice",), ("thrice",)], "user_id string").select(F.xxhash64("user_id"))
    assert found.number == 2
    assert sorted(found.hashes.collect()) == sorted(wanted.collect())


@ROWS
@pytest.mark.parametrize(
    ("most", "apart"), [(2, {"twice", "thrice"}), (1, {each for each in IDS if each and each.strip()})]
)
def test_rows_are_split(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, most: int, apart: set[str], rows: int
) -> None:
    monkeypatch.setattr(several, "_MOST", most)
    hashed = with_hash(spark.createDataFrame([(each,) for each in IDS], "user_id string"))
    alone, together = Several.find(hashed, rows).split(hashed)
    met = [row.user_id for row in together.collect()]
    assert set(met) == apart
    left = [row.user_id for row in alone.collect()]
    assert sorted(map(str, met + left)) == sorted(map(str, IDS))


@ROWS
@pytest.mark.parametrize("ids", [["a", "b", None, None], [None], []])
def test_where_each_user_has_one_row_all_stay_where_they_are(
    spark: SparkSession, ids: list[str | None], rows: int
) -> None:
    hashed = with_hash(spark.createDataFrame([(each,) for each in ids], "user_id string"))
    found = Several.find(hashed, rows)
    alone, together = found.split(hashed)
    assert (found.number, together.count()) == (0, 0)
    assert [row.user_id for row in alone.collect()] == ids


@pytest.mark.parametrize(("most", "on_driver"), [(len(IDS), True), (len(IDS) - 1, False)])
def test_the_driver_looks_at_so_many_rows_itself(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, most: int, on_driver: bool
) -> None:
    monkeypatch.setattr(several, "_ON_DRIVER", most)
    looked: list[DataFrame] = []
    monkeypatch.setattr(Several, "_find_on_driver", looked.append)
    Several.find(with_hash(spark.createDataFrame([(each,) for each in IDS], "user_id string")), len(IDS))
    assert bool(looked) == on_driver


def test_users_of_one_hash_are_not_taken_for_one(spark: SparkSession) -> None:
    rows = [("a", 1), ("b", 2), ("c", 3), ("c", 3), ("d", 4), ("d", 5)]
    hashed = spark.createDataFrame(rows, "user_id string, visits int").withColumn(HASH, F.lit(7).cast("long"))
    hashed = hashed.withColumn("score", F.lit(1.0))
    judged = verdict(hashed, ["visits"], Several.find(hashed, len(rows))).select("user_id", "reason", "copy")
    assert sorted(map(tuple, judged.collect())) == [
        ("a", None, 1),
        ("b", None, 1),
        ("c", None, 1),
        ("c", None, 2),
        ("d", "conflicting_rows", 1),
        ("d", "conflicting_rows", 2),
    ]
