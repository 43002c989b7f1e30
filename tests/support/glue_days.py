"""Inputs of the Glue jobs for one date: extracts, scores, and arguments as the DAG passes them."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from engagement_jobs.common.aws import Store
from engagement_jobs.contract.arguments import PushArguments, ScoreArguments
from engagement_jobs.push import job as push_job
from engagement_jobs.push import options
from engagement_jobs.push.attempts import Attempt
from engagement_jobs.push.task import TaskSetup
from engagement_jobs.scoring import job as scoring_job
from local.s3_emulator import SETTLE_SECONDS
from tests.support.crm_requests import default_template
from tests.support.glue_emulators import SECRET_ID, Bucket, Emulators

DAY = "2026-11-23"
DAY_BEFORE = "2026-11-22"
RUN_ID = "scheduled__2026-11-23T03:00:00+00:00"
SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("login_count", pa.int32()),
        ("items_viewed", pa.int64()),
        ("time_spent_minutes", pa.float64()),
        ("cart_additions", pa.int16()),
    ]
)
# User ids that break careless CSV, JSON or regular expressions.
HOSTILE_IDS = (
    "Smith, J.",
    'the "one"',
    '"',
    '""',
    '","',
    "'",
    "line\nbreak",
    "carriage\rreturn",
    "dos\r\nbreak",
    "\rleading return",
    "trailing return\r",
    "trailing break\n",
    '"\n"',
    "back\\slash",
    "\\",
    '\\"',
    "trailing\\",
    "=1+1",
    "+1",
    "@sum",
    "#comment",
    "\x00nul",
    "tab\tid",
    " leading",
    "trailing ",
    "null",
    "NULL",
    "NaN",
    "None",
    "true",
    "-Infinity",
    "0042",
    "1e5",
    "2026-11-23",
    "Zoë",
    "Zoe\u0308",
    "用户",
    "🛒",
    "\u2028line separator",
    "\u0085next line",
    "\ufeffmark",
    "a/b?c=d&e#%41",
    "UserID",
    "user",
    "USER",
)


def row(user_id: str | None, logins: Any = 5, items: Any = 50, minutes: Any = 60.0, carts: Any = 4) -> dict[str, Any]:
    """Return one activity row; the defaults score 50.00."""
    return {
        "user_id": user_id,
        "login_count": logins,
        "items_viewed": items,
        "time_spent_minutes": minutes,
        "cart_additions": carts,
    }


def parquet(rows: Sequence[Mapping[str, Any]], schema: pa.Schema = SCHEMA, group: int | None = None) -> bytes:
    """Return an extract as one Parquet file.

    :param group: rows per row group
    """
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema), file, row_group_size=group)
    return file.getvalue()


def frame(spark: SparkSession, folder: Path, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> DataFrame:
    """Return rows as a DataFrame, read from a file, because that starts no Python workers."""
    path = folder / f"{uuid.uuid4().hex}.parquet"
    path.write_bytes(parquet(rows, schema))
    return spark.read.parquet(path.as_uri())


def score_arguments(bucket: Bucket, body: bytes | None, **changes: str) -> ScoreArguments:
    """Return arguments of the scoring job for DAY; `body` is uploaded as the extract, None uploads nothing."""
    key = f"activity/dt={DAY}/activity.parquet"
    etag = "none" if body is None else bucket.put(key, body)
    return ScoreArguments.parse(
        {
            "JOB_RUN_ID": "jr_score",
            "score_date": DAY,
            "scored_at": f"{DAY}T03:00:00Z",
            "run_id": RUN_ID,
            "input_uri": f"s3://{bucket.name}/{key}",
            "input_etags": json.dumps({key: etag}),
            "output_bucket": bucket.name,
            "weights_uri": "default",
            "max_invalid_fraction": "0.05",
            "stall_timeout_seconds": "900",
            **changes,
        }
    )


@contextlib.contextmanager
def _process(spark: SparkSession) -> Iterator[None]:
    """Run a job as in a process of its own: without what an earlier job kept in memory.

    Afterwards, wait until the S3 emulator sees what Spark wrote directly to its folder.
    """
    spark.catalog.clearCache()
    try:
        yield
    finally:
        time.sleep(1.5 * SETTLE_SECONDS)


def score(spark: SparkSession, arguments: ScoreArguments) -> dict[str, Any]:
    """Run the scoring job."""
    listed = Store.list_files

    def settled(store: Store, prefix: str) -> list[tuple[str, int]]:
        # A warm Spark writes a small extract faster than the S3 emulator reads its folder again.
        if prefix.startswith("scores/"):
            time.sleep(1.5 * SETTLE_SECONDS)
        return listed(store, prefix)

    with _process(spark), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "list_files", settled)
        return scoring_job.run(arguments)


def put_scores(
    bucket: Bucket,
    scores: Mapping[str, str] | Sequence[tuple[str, str]],
    day: str = DAY,
    run_id: str = RUN_ID,
    rows: int | None = None,
) -> dict[str, Any]:
    """Write the scores of a date as the scoring job does; return their manifest.

    :param scores: score by user id, or pairs of both if a user id is there twice
    :param rows: number of rows in the manifest, by default the right one
    """
    folder = f"scores/dt={day}/"
    for key in bucket.keys(folder):
        bucket.delete(key)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("UserID", "Calculated_Score", "Timestamp"))
    pairs = scores.items() if isinstance(scores, Mapping) else scores
    writer.writerows((user, value, f"{day}T03:00:00Z") for user, value in pairs)
    body = text.getvalue().encode()
    bucket.put(f"{folder}part-00000-x.csv", body)
    count = len(scores) if rows is None else rows
    manifest = {
        "version": 1,
        "run_id": run_id,
        "job_run_id": "jr_score",
        "score_date": day,
        "scored_at": f"{day}T03:00:00Z",
        "input": [],
        "rows": {"input": count, "scored": count, "invalid": 0, "deduplicated": 0},
        "reasons": {},
        "samples": {},
        "files": [{"name": "part-00000-x.csv", "bytes": len(body)}],
        "sha256": hashlib.sha256(body).hexdigest(),
        "weights": {"version": "1", "sha256": "x"},
        "histogram": [0] * 20,
    }
    bucket.put(f"{folder}_manifest.json", json.dumps(manifest).encode())
    return manifest


def users(count: int, score: str | None = None) -> dict[str, str]:
    """Return scores of U00000, U00001, ...: all `score`, or each from its own number."""
    return {f"U{number:05d}": score or f"{number % 100}.50" for number in range(count)}


def push_arguments(emulators: Emulators, bucket: Bucket, job_run_id: str = "jr_1", **changes: Any) -> PushArguments:
    """Return arguments of the push job for DAY: fast, four tasks, a deadline of one minute."""
    values = {
        "score_date": DAY,
        "run_id": RUN_ID,
        "output_bucket": bucket.name,
        "base_url": emulators.crm_url,
        "crm_uri": "default",
        "proxy_url": "none",
        "no_proxy": "none",
        "ca_uri": "none",
        "secret_id": SECRET_ID,
        "push_mode": "all",
        "resend_delivered": "false",
        "ignore_retry_after": "false",
        "limit": "none",
        "max_requests_per_second": "20000",
        "push_tasks": "4",
        "max_concurrency": "32",
        "max_attempts": "4",
        "request_timeout_seconds": "5",
        "deadline_seconds": "60",
        "unavailable_timeout_seconds": "20",
        "max_retry_after_seconds": "86400",
        "max_failed_fraction": "0.01",
        "allow_http": "true",
    }
    return PushArguments.parse(values | {"JOB_RUN_ID": job_run_id} | {name: str(v) for name, v in changes.items()})


def task_setup(emulators: Emulators, bucket: Bucket, folder: str, rows: int = 30, **changes: Any) -> TaskSetup:
    """Return the setup of the canary of a job with `push_arguments`.

    :param folder: folder of the attempt
    """
    arguments = push_arguments(emulators, bucket, **changes)
    attempt = Attempt(folder, RUN_ID, "jr_1", f"{DAY}T03:00:00Z")
    template, way = default_template(emulators.crm_url), options.network(arguments)
    return options.task_setup(arguments, template, way, attempt, time.time(), rows)


def push(spark: SparkSession, arguments: PushArguments, *, in_workflow: bool = False) -> dict[str, Any]:
    """Run the push job.

    :param in_workflow: as if a Glue workflow had started it
    """
    with _process(spark):
        return push_job.run(arguments, in_workflow=in_workflow)
