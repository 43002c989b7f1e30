"""What job 1 wrote is what job 2 reads, or it is an error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyspark.sql import SparkSession

from engagement_jobs.common.aws import Store
from engagement_jobs.contract.errors import ScoresError
from engagement_jobs.push.scores_reader import read_manifest, read_scores
from tests.support.glue_days import DAY, HOSTILE_IDS, RUN_ID, parquet, put_scores, row, score, score_arguments, users
from tests.support.glue_world import Bucket

MANIFEST = f"scores/dt={DAY}/_manifest.json"
PART = f"scores/dt={DAY}/part-00000-x.csv"


def test_hostile_ids_arrive_as_they_are(spark: SparkSession, bucket: Bucket) -> None:
    score(spark, score_arguments(bucket, parquet([row(user_id, logins=2) for user_id in HOSTILE_IDS])))
    store = Store(bucket.name)
    manifest = read_manifest(store, DAY, RUN_ID)
    found = [tuple(each) for each in read_scores(spark, store, manifest).collect()]
    assert sorted(found) == sorted((user_id, "44.00") for user_id in HOSTILE_IDS)
    # And any other reader of CSV sees the same.
    (part,) = (key for key in bucket.keys(f"scores/dt={DAY}/") if "part-" in key)
    assert sorted(line[0] for line in bucket.table(part)[1:]) == sorted(HOSTILE_IDS)


def test_the_manifest_is_given_as_written(bucket: Bucket) -> None:
    manifest = put_scores(bucket, users(3))
    assert read_manifest(Store(bucket.name), DAY, RUN_ID) == manifest


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
    ("harm", "said"),
    [
        (_no_manifest, "there is no s3://.*/_manifest.json: the scores are missing or half-written. Clear score_users"),
        (_other_run, "is of run manual__2026-11-23, wanted .*scheduled__"),
        (_file_missing, "holds 0 files with 0 bytes; its manifest lists 1 with 1"),
        (_file_more, "holds 2 files with .* bytes; its manifest lists 1 with"),
        (_file_shorter, "holds 1 files with 132 bytes; its manifest lists 1 with 133"),
    ],
)
def test_a_folder_that_is_not_what_its_manifest_says_is_an_error(bucket: Bucket, harm: Any, said: str) -> None:
    put_scores(bucket, users(3))
    harm(bucket)
    with pytest.raises(ScoresError, match=said):
        read_manifest(Store(bucket.name), DAY, RUN_ID)


@pytest.mark.parametrize("header", [b"User,Calculated_Score,Timestamp", b"UserID,Calculated_Score"])
def test_other_columns_are_not_read(spark: SparkSession, bucket: Bucket, header: bytes) -> None:
    manifest = put_scores(bucket, users(1))
    bucket.put(PART, header + b"\nU1,1.00,x\n")
    with pytest.raises(Exception, match=r"(?i)header|schema|malformed|column"):
        read_scores(spark, Store(bucket.name), manifest).collect()


def test_a_manifest_is_json(bucket: Bucket) -> None:
    put_scores(bucket, users(1))
    bucket.put(MANIFEST, b"{")
    with pytest.raises(json.JSONDecodeError):
        read_manifest(Store(bucket.name), DAY, RUN_ID)
