"""The scoring job killed before each S3 operation: the push job refuses what is left, and a rerun repairs it."""

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
from engagement_jobs.scoring import invalid_rows, job
from tests.support.glue_days import DAY, RUN_ID, parquet, row, score, score_arguments
from tests.support.glue_world import Bucket

ROWS = [row(f"U{number}", number % 11) for number in range(40)] + [row("U0", 0), row(None)]


class KilledError(BaseException):
    """Nothing in the job may catch it, as nothing can catch a SIGKILL."""


def count_down(patch: pytest.MonkeyPatch, left: int) -> list[str]:
    """Let the job do `left` things to S3, and die at the next one; what it did is listed."""
    done: list[str] = []
    inside: list[str] = []

    def counted(name: str, do: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*given: Any, **named: Any) -> Any:
            if inside:  # a part of what is counted already
                return do(*given, **named)
            if len(done) == left:
                raise KilledError(name)
            done.append(name)
            inside.append(name)
            try:
                return do(*given, **named)
            finally:
                inside.pop()

        return instead

    for name in ("delete", "delete_folder", "head", "read", "write", "list_files", "sha256"):
        patch.setattr(Store, name, counted(name, getattr(Store, name)))
    patch.setattr(invalid_rows, "write_invalid_rows", counted("write invalid", invalid_rows.write_invalid_rows))
    patch.setattr(job, "_write_scores", counted("write scores", job._write_scores))
    return done


def arguments(bucket: Bucket) -> ScoreArguments:
    return score_arguments(bucket, parquet(ROWS))


def run(spark: SparkSession, bucket: Bucket, left: int) -> list[str]:
    """Run the job until it has done `left` things, or to its end."""
    given = arguments(bucket)
    with pytest.MonkeyPatch.context() as patch:
        done = count_down(patch, left)
        with contextlib.suppress(KilledError):
            score(spark, given)
    return done


THINGS = (
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
def test_a_killed_job_leaves_nothing_that_is_trusted(spark: SparkSession, bucket: Bucket) -> None:
    assert run(spark, bucket, len(THINGS)) == list(THINGS)  # to its end
    store = Store(bucket.name)
    complete = read_manifest(store, DAY, RUN_ID)
    assert run(spark, bucket, 0) == []
    assert read_manifest(store, DAY, RUN_ID) == complete  # it died before it changed anything

    def check_rerun() -> None:
        again = score(spark, arguments(bucket))
        assert read_manifest(store, DAY, RUN_ID) == again
        assert again["sha256"] == complete["sha256"]

    for left in range(1, len(THINGS)):  # each takes up what the one before has left
        assert run(spark, bucket, left) == list(THINGS[:left])
        with pytest.raises(ScoresError):
            read_manifest(store, DAY, RUN_ID)
        if THINGS[left - 1].startswith("write "):
            check_rerun()
    check_rerun()
