"""The push job reads exactly what the scoring job wrote, or fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyspark.sql import SparkSession

from engagement_jobs.common.aws import Store
from engagement_jobs.contract.errors import ScoresError
from engagement_jobs.push.scores_reader import ScoresManifest, read_manifest, read_scores
from tests.support.glue_days import DAY, HOSTILE_IDS, RUN_ID, parquet, put_scores, row, score, score_arguments, users
from tests.support.glue_emulators import Bucket

MANIFEST = f"scores/dt={DAY}/_manifest.json"
PART = f"scores/dt={DAY}/part-00000-x.csv"


def test_hostile_user_ids_are_read_unchanged(spark: SparkSession, bucket: Bucket) -> None:
    score(spark, score_arguments(bucket, parquet([row(user_id, logins=2) for user_id in HOSTILE_IDS])))
    store = Store(bucket.name)
    manifest = read_manifest(store, DAY, RUN_ID)
    rows = [tuple(each) for each in read_scores(spark, store, manifest).collect()]
    assert sorted(rows) == sorted((user_id, "44.00") for user_id in HOSTILE_IDS)
    # Other CSV readers read the same values.
    (part,) = (key for key in bucket.keys(f"scores/dt={DAY}/") if "part-" in key)
    assert sorted(line[0] for line in bucket.table(part)[1:]) == sorted(HOSTILE_IDS)


def test_the_manifest_is_read(bucket: Bucket) -> None:
    document = put_scores(bucket, users(3))
    manifest = read_manifest(Store(bucket.name), DAY, RUN_ID)
    assert manifest == ScoresManifest(
        DAY, f"{DAY}T03:00:00Z", "1", 3, sha256=document["sha256"], files=("part-00000-x.csv",)
    )


def _other_run(bucket: Bucket) -> None:
    put_scores(bucket, users(3), run_id="manual__2026-11-23")


def _no_manifest(bucket: Bucket) -> None:
    bucket.delete(MANIFEST)


def _file_missing(bucket: Bucket) -> None:
    bucket.delete(PART)


def _file_more(bucket: Bucket) -> None:
    bucket.put(f"scores/dt={DAY}/part-00001-y.csv", b"UserID,Calculated_Score,Timestamp\nU9,1.00,x\n")


def _file_shorter(bucket: Bucket) -> None:
    bucket.put(PART, bucket.read(PART)[:-1])


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_no_manifest, "_manifest.json does not exist: the scores are missing or incomplete. Clear score_users"),
        (_other_run, "belongs to run manual__2026-11-23, expected scheduled__"),
        (_file_missing, "has 0 files with 0 bytes, expected 1 files with 1"),
        (_file_more, "has 2 files with .* bytes, expected 1 files with"),
        (_file_shorter, "has 1 files with 132 bytes, expected 1 files with 133"),
    ],
)
def test_a_folder_that_differs_from_its_manifest_is_an_error(bucket: Bucket, harm: Any, message: str) -> None:
    put_scores(bucket, users(3))
    harm(bucket)
    with pytest.raises(ScoresError, match=message):
        read_manifest(Store(bucket.name), DAY, RUN_ID)


@pytest.mark.parametrize("header", [b"User,Calculated_Score,Timestamp", b"UserID,Calculated_Score"])
def test_other_columns_are_an_error(spark: SparkSession, bucket: Bucket, header: bytes) -> None:
    put_scores(bucket, users(1))
    manifest = read_manifest(Store(bucket.name), DAY, RUN_ID)
    bucket.put(PART, header + b"\nU1,1.00,x\n")
    with pytest.raises(Exception, match=r"(?i)header|schema|malformed|column"):
        read_scores(spark, Store(bucket.name), manifest).collect()


def test_a_manifest_that_is_not_json_is_an_error(bucket: Bucket) -> None:
    put_scores(bucket, users(1))
    bucket.put(MANIFEST, b"{")
    with pytest.raises(json.JSONDecodeError):
        read_manifest(Store(bucket.name), DAY, RUN_ID)
