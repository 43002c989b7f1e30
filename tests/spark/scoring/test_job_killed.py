"""The scoring job killed before each S3 operation: the push job refuses what it wrote, and a rerun repairs it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from pyspark.sql import SparkSession

from engagement_jobs.common.aws import Store
from engagement_jobs.contract.arguments import ScoreArguments
from engagement_jobs.contract.errors import ScoresError
from engagement_jobs.push.scores_reader import read_manifest
from engagement_jobs.scoring import invalid_rows_writer, scores_writer
from tests.support.glue_days import DAY, RUN_ID, parquet, row, score, score_arguments
from tests.support.glue_emulators import Bucket

ROWS = [row(f"U{number}", number % 11) for number in range(40)] + [row("U0", 0), row(None)]


class KilledError(BaseException):
    """Stands for SIGKILL: the job cannot catch it, because it is not an Exception."""


def limit_operations(patch: pytest.MonkeyPatch, limit: int) -> list[str]:
    """Kill the job after `limit` S3 operations. Return a list to which each operation adds its name."""
    done: list[str] = []
    running: list[str] = []

    def counted(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def replacement(*args: Any, **kwargs: Any) -> Any:
            if running:  # a part of an operation that is counted already
                return operation(*args, **kwargs)
            if len(done) == limit:
                raise KilledError(name)
            done.append(name)
            running.append(name)
            try:
                return operation(*args, **kwargs)
            finally:
                running.pop()

        return replacement

    for name in ("delete", "delete_folder", "head", "read", "write", "list_files", "sha256"):
        patch.setattr(Store, name, counted(name, getattr(Store, name)))
    patch.setattr(
        invalid_rows_writer, "write_invalid_rows", counted("write invalid", invalid_rows_writer.write_invalid_rows)
    )
    patch.setattr(scores_writer, "write_scores", counted("write scores", scores_writer.write_scores))
    return done


def arguments(bucket: Bucket) -> ScoreArguments:
    return score_arguments(bucket, parquet(ROWS))


def run(spark: SparkSession, bucket: Bucket, limit: int) -> list[str]:
    """Run the job until it has made `limit` operations, or to its end."""
    job_arguments = arguments(bucket)
    with pytest.MonkeyPatch.context() as patch:
        done = limit_operations(patch, limit)
        with contextlib.suppress(KilledError):
            score(spark, job_arguments)
    return done


OPERATIONS = (
    "delete",
    "head",
    "delete_folder",
    "write scores",
    "write invalid",
    "list_files",
    "sha256",
    "head",
    "write",
)


@pytest.mark.timeout(300)
def test_a_killed_job_leaves_no_scores_that_are_pushed(spark: SparkSession, bucket: Bucket) -> None:
    assert run(spark, bucket, len(OPERATIONS)) == list(OPERATIONS)  # to its end
    store = Store(bucket.name)
    complete = read_manifest(store, DAY, RUN_ID)
    assert run(spark, bucket, 0) == []
    assert read_manifest(store, DAY, RUN_ID) == complete  # killed before it changed anything

    def check_rerun() -> None:
        again = score(spark, arguments(bucket))
        assert read_manifest(store, DAY, RUN_ID).sha256 == again["sha256"] == complete.sha256

    for limit in range(1, len(OPERATIONS)):  # each run starts with the objects that the run before it wrote
        assert run(spark, bucket, limit) == list(OPERATIONS[:limit])
        with pytest.raises(ScoresError):
            read_manifest(store, DAY, RUN_ID)
        if OPERATIONS[limit - 1].startswith("write "):
            check_rerun()
    check_rerun()
