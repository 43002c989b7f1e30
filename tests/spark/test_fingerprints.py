"""What a fingerprint tells of a row."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from engagement_jobs.fingerprints import (
    FINGERPRINT,
    KINDS,
    NOBODY,
    NOT_SCORED,
    is_blank,
    kind,
    user_hash,
    with_fingerprint,
)
from engagement_jobs.scoring import BINS


def rows(spark: SparkSession, *values: tuple[str | None, float | None]) -> DataFrame:
    return spark.createDataFrame(values, "user_id string, score double")


def test_the_kind_of_a_row(spark: SparkSession) -> None:
    wanted = {
        ("U1", 0.0): 0,
        ("U1", 4.99): 0,
        ("U1", 5.0): 1,
        ("U1", 100.0): BINS - 1,
        ("U1", None): NOT_SCORED,
        (" a", None): NOT_SCORED,
        (" \t", None): NOBODY,
        ("", None): NOBODY,
        (None, None): NOBODY,
    }
    found = with_fingerprint(rows(spark, *wanted)).select("user_id", "score", kind(), user_hash().isNull()).collect()
    assert [tuple(each) for each in found] == [(*row, its_kind, its_kind == NOBODY) for row, its_kind in wanted.items()]


def test_a_user_has_one_hash_whatever_the_score(spark: SparkSession) -> None:
    values = [("U1", 0.0), ("U1", 99.0), ("U1", None), ("U2", 0.0), ("u1", 0.0), ("U1 ", 0.0)]
    found = [row[0] for row in with_fingerprint(rows(spark, *values)).select(user_hash()).collect()]
    assert found[0] == found[1] == found[2]
    assert len(set(found)) == 4
    assert all(-(2**58) <= each < 2**58 for each in found)


def test_all_kinds_have_room(spark: SparkSession) -> None:
    assert max(NOT_SCORED, NOBODY) < KINDS
    assert with_fingerprint(rows(spark, (None, None))).schema[FINGERPRINT].dataType.simpleString() == "bigint"


def test_blank_is_what_shows_nothing(spark: SparkSession) -> None:
    blank, others = ["", " ", "\t\n", "\u00a0", "\u3000", "\u2028"], [" a", "~", "!", "\x7f", "é", "\x1c"]
    found = rows(spark, *((each, None) for each in blank + others)).select(is_blank()).collect()
    assert [each[0] for each in found] == [True] * len(blank) + [False] * len(others)
