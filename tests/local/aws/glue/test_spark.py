"""A real Spark job through the deployed push job: s3:// paths, properties, options, workers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.local.aws.conftest import upload_code

if TYPE_CHECKING:
    from tests.local.aws.conftest import Stack

PUSH = "engagement-push-scores"
OUTPUT = "engagement-output-123456789012"


def test_spark_reads_and_writes_s3_paths_with_the_jobs_properties(stack: Stack) -> None:
    run_id = stack.client("glue").start_job_run(
        JobName=PUSH, Arguments={"--bucket": OUTPUT, "--airflow_task_uuid": "x"}, Timeout=60
    )["JobRunId"]
    run = stack.wait(PUSH, run_id, seconds=60)
    assert run["JobRunState"] == "SUCCEEDED", (run, stack.log(PUSH, run_id, "error"))
    told = json.loads(stack.log(PUSH, run_id)[-1])
    assert told == {
        "total": 45,
        "slots": 4,
        "conf": {
            "task.maxFailures": "1",
            "stage.maxConsecutiveAttempts": "1",
            "sql.session.timeZone": "UTC",
            "ui.enabled": "false",
        },
        "run": run_id,
        "job": PUSH,
        "workers": ["hello"],
    }
    listed = stack.client("s3").list_objects_v2(Bucket=OUTPUT, Prefix="scores/numbers/")["Contents"]
    names = sorted(item["Key"].rpartition("/")[2] for item in listed)
    assert names[0] == "_SUCCESS"
    assert names[1].endswith(".snappy.parquet")
    assert len(names) == 2  # no .crc files beside them


def test_a_run_has_its_own_code_where_another_ran_before(stack: Stack) -> None:
    try:
        for greeting in ("hello", "good evening"):
            upload_code(stack, greeting=greeting)
            run_id = stack.client("glue").start_job_run(JobName=PUSH, Arguments={"--bucket": OUTPUT}, Timeout=60)[
                "JobRunId"
            ]
            assert stack.wait(PUSH, run_id, seconds=60)["JobRunState"] == "SUCCEEDED"
            assert json.loads(stack.log(PUSH, run_id)[-1])["workers"] == [greeting]
    finally:
        upload_code(stack)
