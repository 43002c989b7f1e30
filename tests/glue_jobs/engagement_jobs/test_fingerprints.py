"""What a fingerprint tells of a row."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession

from engagement_jobs.fingerprints import FINGERPRINT, KINDS, NOBODY, NOT_SCORED, is_blank, kind, user_hash
from engagement_jobs.fingerprints import with_fingerprint as marked
from engagement_jobs.scoring import BINS


def rows(spark: SparkSession, *values: tuple[str | None, float | None]) -> DataFrame:
    return spark.createDataFrame(values, "user_id string, score double")


@pytest.mark.parametrize(
    ("user_id", "score", "wanted"),
    [
        ("U1", 0.0, 0),
        ("U1", 4.99, 0),
        ("U1", 5.0, 1),
        ("U1", 100.0, BINS - 1),
        ("U1", None, NOT_SCORED),
        (" a", None, NOT_SCORED),
        (" \t", None, NOBODY),
        ("", None, NOBODY),
        (None, None, NOBODY),
    ],
)
def test_the_kind_of_a_row(spark: SparkSession, user_id: str | None, score: float | None, wanted: int) -> None:
    (found,) = marked(rows(spark, (user_id, score))).select(kind(), user_hash().isNull()).collect()
    assert tuple(found) == (wanted, wanted == NOBODY)


def test_a_user_has_one_hash_whatever_the_score(spark: SparkSession) -> None:
    values = [("U1", 0.0), ("U1", 99.0), ("U1", None), ("U2", 0.0), ("u1", 0.0), ("U1 ", 0.0)]
    found = [row[0] for row in marked(rows(spark, *values)).select(user_hash()).collect()]
    assert found[0] == found[1] == found[2]
    assert len(set(found)) == 4
    assert all(-(2**58) <= each < 2**58 for each in found)


def test_all_kinds_have_room(spark: SparkSession) -> None:
    assert max(NOT_SCORED, NOBODY) < KINDS
    assert marked(rows(spark, (None, None))).schema[FINGERPRINT].dataType.simpleString() == "bigint"


@pytest.mark.parametrize(
    "user_id", ["", " ", "\t\n", "\u00a0", "\u3000", "\u2028", " a", "~", "!", "\x7f", "é", "\x1c"]
)
def test_blank_is_what_shows_nothing(spark: SparkSession, user_id: str) -> None:
    (found,) = rows(spark, (user_id, None)).select(is_blank()).collect()
    assert found[0] == (user_id in {"", " ", "\t\n", "\u00a0", "\u3000", "\u2028"})
