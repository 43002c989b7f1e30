"""A date's scores as job 2 reads them: trusted only as far as their manifest reaches."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StringType, StructType

from engagement_jobs.common import spark_session
from engagement_jobs.common.aws import Store
from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.errors import ScoresError

_SCHEMA = StructType().add("UserID", StringType()).add("Calculated_Score", StringType()).add("Timestamp", StringType())


def read_manifest(store: Store, score_date: str, run_id: str) -> dict[str, Any]:
    """The manifest of a date's scores, after it was compared with what lies there."""
    folder = s3_keys.scores_prefix(score_date)
    where = store.uri(folder + s3_keys.MANIFEST)
    manifest = store.read_json(folder + s3_keys.MANIFEST)
    if manifest is None:
        raise ScoresError(f"there is no {where}: the scores are missing or half-written. Clear score_users.")
    if manifest["run_id"] != run_id:
        raise ScoresError(
            f"{where} is of run {manifest['run_id']}, wanted {run_id}: another run scored this date since. "
            "Clear score_users."
        )
    lying = [(name, size) for name, size in store.list_files(folder) if name.startswith("part-")]
    listed = sorted((entry["name"], entry["bytes"]) for entry in manifest["files"])
    if lying != listed:
        raise ScoresError(
            f"{store.uri(folder)} holds {len(lying)} files with {sum(size for _, size in lying):,} bytes; its manifest "
            f"lists {len(listed)} with {sum(size for _, size in listed):,}. Clear score_users."
        )
    return manifest


def read_scores(spark: SparkSession, store: Store, manifest: dict[str, Any]) -> DataFrame:
    """`user_id` and `score` of every row, from the files that the manifest lists."""
    folder = s3_keys.scores_prefix(manifest["score_date"])
    files = [store.uri(folder + entry["name"]) for entry in manifest["files"]]
    # An id may hold a line break; without an empty value of its own an id such as "" would read as null.
    options = {**spark_session.CSV_OPTIONS, "multiLine": "true", "enforceSchema": "false", "mode": "FAILFAST"}
    rows = spark.read.schema(_SCHEMA).csv(files, **options)
    return rows.select(F.col("UserID").alias("user_id"), F.col("Calculated_Score").alias("score"))
