"""What earlier attempts did: the ledger, and the delivered snapshot that summarizes all older ledgers.

Ledgers can expire; the snapshot never does. It has one row per user, of the newest date whose score is delivered or
unknown. One
join with it shows whether a later date was sent and which score the CRM got last, however long the history is.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

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
# Partition columns from the folder names. Declared as strings, because Spark would infer a date.
_FOLDERS = StructType().add("dt", StringType()).add("attempt", StringType())
# After user_id, the order of the columns is the sort order: the greatest struct of them is the newest.
SNAPSHOT_SCHEMA = (
    StructType()
    .add("user_id", StringType())
    .add("score_date", StringType())
    .add("settled_at", StringType())
    .add("score", StringType())
    .add("outcome", StringType())
)

log = logging.getLogger("engagement.delivery_history")


def attempt_folders(store: Store, score_date: str) -> list[str]:
    """List the folders of all attempts of a date."""
    base = s3_keys.responses_prefix(score_date)
    return [f"{base}{name}/" for name in store.list_folders(base) if name.startswith("attempt=")]


def read_ledger(spark: SparkSession, store: Store, folders: list[str]) -> DataFrame:
    """Read the ledger lines of these attempt folders, with the partition columns `dt` and `attempt`."""
    schema = StructType([*LEDGER_SCHEMA.fields, *_FOLDERS.fields])
    if not folders:
        return _no_rows(spark, schema)
    return (
        spark.read.schema(schema)
        .option("basePath", store.uri("responses/"))
        .option("pathGlobFilter", "part-*.jsonl")
        .json([store.uri(folder) for folder in folders])
    )


@dataclass(frozen=True)
class _Pointer:
    """Content of `delivered/_current.json`.

    :param folder: of the current version, None before the first
    :param ledgers: attempt folders whose ledgers are in the current version
    """

    folder: str | None
    ledgers: tuple[str, ...]


class Snapshot:
    """The delivered snapshot as it was when the job started, and the ledgers that it does not include yet."""

    def __init__(self, spark: SparkSession, store: Store) -> None:
        self._spark = spark
        self._store = store
        self._ledgers = _ledger_folders(store)
        self._pointer = _read_pointer(store)

    def current(self) -> DataFrame:
        """Return one row per user: `user_id, score_date, settled_at, score, outcome` (delivered or unknown)."""
        return self._merge(self._missing(self._ledgers))

    def write(self, job_run_id: str, attempt_folder: str) -> None:
        """Write the next version. It includes every ledger that existed when the job started, and the job's own.

        :param attempt_folder: of the job's own ledger; push jobs never run in parallel, so no other can be new
        """
        ledgers = sorted({*self._ledgers, attempt_folder})
        missing = self._missing(ledgers)
        if not missing:
            return
        folder = s3_keys.snapshot_prefix(job_run_id)
        self._merge(missing).write.mode("overwrite").parquet(self._store.uri(folder))
        pointer = {"version": 1, "folder": folder, "attempts": ledgers}
        self._store.write_json(s3_keys.SNAPSHOT_POINTER, pointer)
        self._delete_versions_except(folder, self._pointer.folder)
        log.info("wrote %s from %d more ledgers", self._store.uri(folder), len(missing))

    def _delete_versions_except(self, *kept: str | None) -> None:
        # The previous version stays for queries that are reading it.
        for name in self._store.list_folders("delivered/"):
            folder = f"delivered/{name}/"
            if folder not in kept:
                self._store.delete_folder(folder)

    def _missing(self, ledgers: list[str]) -> list[str]:
        included = set(self._pointer.ledgers)
        return [folder for folder in ledgers if folder not in included]

    def _merge(self, ledgers: list[str]) -> DataFrame:
        """Return the current version with the lines of more ledgers."""
        version = self._read_version()
        if not ledgers:
            return version
        user, *newest_first = SNAPSHOT_SCHEMA.names
        lines = read_ledger(self._spark, self._store, ledgers).withColumnRenamed("dt", "score_date")
        sent = lines.where(F.col("outcome").isin("delivered", "unknown")).select(user, *newest_first)
        newest = F.max(F.struct(*newest_first)).alias("newest")
        return version.unionByName(sent).groupBy(user).agg(newest).select(user, "newest.*")

    def _read_version(self) -> DataFrame:
        if self._pointer.folder is None:
            return _no_rows(self._spark, SNAPSHOT_SCHEMA)
        return self._spark.read.schema(SNAPSHOT_SCHEMA).parquet(self._store.uri(self._pointer.folder))


def _read_pointer(store: Store) -> _Pointer:
    document = store.read_json(s3_keys.SNAPSHOT_POINTER)
    if document is None:
        return _Pointer(None, ())
    return _Pointer(document["folder"], tuple(document["attempts"]))


def _ledger_folders(store: Store) -> list[str]:
    dates = [name.removeprefix("dt=") for name in store.list_folders("responses/")]
    return [folder for score_date in dates for folder in attempt_folders(store, score_date)]


def _no_rows(spark: SparkSession, schema: StructType) -> DataFrame:
    # Spark's optimizer knows that this is empty. An empty Python list would start Python workers.
    nulls = (F.lit(None).cast(field.dataType).alias(field.name) for field in schema.fields)
    return spark.range(0).select(*nulls).where(F.lit(False))
