"""What earlier attempts did: the ledger, and the delivered snapshot that stands for all older ledgers.

Ledgers may expire; the snapshot may not. It holds one row a user, the newest date that is delivered or unknown, so
that "was a later date sent?" and "what did the CRM get last?" are one join, whatever the history.
"""

from __future__ import annotations

import logging
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import DoubleType, IntegerType, StringType, StructType

from engagement_jobs.common.aws import Store
from engagement_jobs.contract import s3_keys

LEDGER_SCHEMA = (
    StructType()
    .add("user_id", StringType())
    .add("score", StringType())
    .add("key", StringType())
    .add("payload_sha256", StringType())
    .add("revision", IntegerType())
    .add("outcome", StringType())
    .add("reason", StringType())
    .add("http_status", IntegerType())
    .add("tries", IntegerType())
    .add("latency_ms", DoubleType())
    .add("first_sent_at", StringType())
    .add("settled_at", StringType())
    .add("run_id", StringType())
)
# The folders' names; given as strings, or Spark would guess a date.
_FOLDERS = StructType().add("dt", StringType()).add("attempt", StringType())
SNAPSHOT_SCHEMA = (
    StructType()
    .add("user_id", StringType())
    .add("score_date", StringType())
    .add("settled_at", StringType())
    .add("score", StringType())
    .add("outcome", StringType())
)

log = logging.getLogger("engagement.history")


def attempt_folders(store: Store, score_date: str) -> list[str]:
    """Folders of all attempts of a date."""
    base = s3_keys.responses_prefix(score_date)
    return [f"{base}{name}/" for name in store.list_folders(base) if name.startswith("attempt=")]


def read_ledger(spark: SparkSession, store: Store, folders: list[str]) -> DataFrame:
    """Ledger lines of these attempt folders, with `dt` and `attempt` of the folder each lies in."""
    schema = StructType([*LEDGER_SCHEMA.fields, *_FOLDERS.fields])
    if not folders:
        return _no_rows(spark, schema)
    return (
        spark.read.schema(schema)
        .option("basePath", store.uri("responses/"))
        .option("pathGlobFilter", "part-*.jsonl")
        .json([store.uri(folder) for folder in folders])
    )


class Snapshot:
    """The delivered snapshot as it was when the job began, and the ledger folders that it does not hold yet."""

    def __init__(self, spark: SparkSession, store: Store) -> None:
        self._spark, self._store = spark, store
        self._ledgers = _ledger_folders(store)
        self._pointer: dict[str, Any] = store.read_json(s3_keys.SNAPSHOT_POINTER) or {
            "folder": None,
            "attempts": [],
        }

    def current(self) -> DataFrame:
        """One row a user: `user_id, score_date, settled_at, score, outcome` (delivered or unknown)."""
        return self._fold(self._missing())

    def write(self, job_run_id: str, attempt: str) -> None:
        """Write the next version, which holds every ledger that lay there when the job began, and its own.

        :param attempt: folder of the job's own ledger; pushes are serial, so that no other can be new
        """
        self._ledgers = sorted({*self._ledgers, attempt})
        missing = self._missing()
        if not missing:
            return
        folder = s3_keys.snapshot_prefix(job_run_id)
        self._fold(missing).write.mode("overwrite").parquet(self._store.uri(folder))
        previous = self._pointer["folder"]
        pointer = {"version": 1, "folder": folder, "attempts": self._ledgers}
        self._store.write_json(s3_keys.SNAPSHOT_POINTER, pointer)
        for name in self._store.list_folders("delivered/"):
            # The one before stays for whoever is reading it.
            if f"delivered/{name}/" not in (folder, previous):
                self._store.delete_folder(f"delivered/{name}/")
        log.info("wrote %s from %d more ledgers", self._store.uri(folder), len(missing))

    def _missing(self) -> list[str]:
        known = set(self._pointer["attempts"])
        return [folder for folder in self._ledgers if folder not in known]

    def _fold(self, folders: list[str]) -> DataFrame:
        held = self._read(self._pointer["folder"])
        if not folders:
            return held
        columns = [field.name for field in SNAPSHOT_SCHEMA.fields]
        lines = read_ledger(self._spark, self._store, folders)
        reached = lines.where(F.col("outcome").isin("delivered", "unknown"))
        newest = F.max(F.struct(*columns[1:])).alias("newest")
        rows = held.unionByName(reached.withColumnRenamed("dt", "score_date").select(*columns))
        return rows.groupBy("user_id").agg(newest).select("user_id", "newest.*")

    def _read(self, folder: str | None) -> DataFrame:
        if folder is None:
            return _no_rows(self._spark, SNAPSHOT_SCHEMA)
        return self._spark.read.schema(SNAPSHOT_SCHEMA).parquet(self._store.uri(folder))


def _ledger_folders(store: Store) -> list[str]:
    dates = [name.removeprefix("dt=") for name in store.list_folders("responses/")]
    return [folder for score_date in dates for folder in attempt_folders(store, score_date)]


def _no_rows(spark: SparkSession, schema: StructType) -> DataFrame:
    # Spark's optimizer sees that this is empty; an empty Python list would start Python workers to say so.
    nulls = (F.lit(None).cast(field.dataType).alias(field.name) for field in schema.fields)
    return spark.range(0).select(*nulls).where(F.lit(False))
