"""Read a date's scores, after comparing the files with the scores manifest."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StringType, StructField, StructType

from engagement_jobs.common import spark_session
from engagement_jobs.common.aws import Store
from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.csv_columns import SCORES_COLUMNS
from engagement_jobs.contract.errors import ScoresError

_SCHEMA = StructType([StructField(name, StringType()) for name in SCORES_COLUMNS])


@dataclass(frozen=True)
class ScoresManifest:
    """The part of a scores manifest that the push job uses.

    :param rows: number of scored rows
    :param sha256: SHA-256 over the bytes of the CSV files in order of name
    :param files: names of the CSV files
    :param scored_at: UTC time such as 2026-11-23T03:00:00Z
    """

    score_date: str
    scored_at: str
    weights_version: str
    rows: int
    sha256: str
    files: tuple[str, ...]


def read_manifest(store: Store, score_date: str, run_id: str) -> ScoresManifest:
    """Read the scores manifest of a date and compare it with the files in the scores folder.

    :raises ScoresError: the manifest is missing, belongs to another run, or does not match the files
    """
    folder = s3_keys.scores_prefix(score_date)
    uri = store.uri(folder + s3_keys.MANIFEST)
    document = store.read_json(folder + s3_keys.MANIFEST)
    if document is None:
        raise ScoresError(f"{uri} does not exist: the scores are missing or incomplete. Clear score_users.")
    if document["run_id"] != run_id:
        raise ScoresError(
            f"{uri} belongs to run {document['run_id']}, expected {run_id}: another run has scored this date. "
            "Clear score_users."
        )
    actual = [(name, size) for name, size in store.list_files(folder) if name.startswith("part-")]
    listed = sorted((entry["name"], entry["bytes"]) for entry in document["files"])
    if actual != listed:
        raise ScoresError(
            f"{store.uri(folder)} has {len(actual)} files with {sum(size for _, size in actual):,} bytes, expected "
            f"{len(listed)} files with {sum(size for _, size in listed):,} bytes as listed in its manifest. "
            "Clear score_users."
        )
    files = tuple(entry["name"] for entry in document["files"])
    return ScoresManifest(
        score_date=document["score_date"],
        scored_at=document["scored_at"],
        weights_version=document["weights"]["version"],
        rows=document["rows"]["scored"],
        sha256=document["sha256"],
        files=files,
    )


def read_scores(spark: SparkSession, store: Store, manifest: ScoresManifest) -> DataFrame:
    """Read `user_id` and `score` of every row from the files that the manifest lists."""
    folder = s3_keys.scores_prefix(manifest.score_date)
    # A user id may contain a line break (multiLine). enforceSchema=false compares the header with the schema.
    options = {**spark_session.CSV_OPTIONS, "multiLine": "true", "enforceSchema": "false", "mode": "FAILFAST"}
    rows = spark.read.schema(_SCHEMA).csv([store.uri(folder + name) for name in manifest.files], **options)
    return rows.select(F.col("UserID").alias("user_id"), F.col("Calculated_Score").alias("score"))
