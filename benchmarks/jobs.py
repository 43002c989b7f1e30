"""Run a job's own script as Glue runs it, beside what is compared with it: the same Spark, all cores, 4 GB of heap."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from benchmarks import machine, measured
from benchmarks.measured import Usage
from local.processes import REPOSITORY
from local.spark import conf

DAY = "2026-11-23"
ACTIVITY = f"activity/dt={DAY}/activity.parquet"
GLUE, BENCH = (REPOSITORY / folder / "bin" / "python" for folder in (".venv-glue", ".venv-bench"))
PYTHONPATH = os.pathsep.join((str(REPOSITORY / "glue_jobs"), str(REPOSITORY)))
# As on Glue: with Java's optimizing compiler, which the stand-in does without for days of a few thousand users.
_SPARK_CONF = "spark.driver.memory=4g --conf spark.driver.extraJavaOptions=-Duser.timezone=UTC"


def run(command: list[str], env: Mapping[str, str]) -> Usage:
    """Run a command of either environment. Raises RuntimeError, with what it said last, when it fails."""
    return measured.run(command, REPOSITORY, {**os.environ, "PYTHONPATH": PYTHONPATH, **env})


def spark(root: Path, scratch: Path) -> dict[str, str]:
    """Environment of a Spark whose buckets are the folders of `root`; what it leaves in `scratch` is removed before."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    return conf.environment(GLUE, scratch, conf.properties(root, scratch, machine.cores(), _SPARK_CONF))


def command(script: str, **arguments: object) -> list[str]:
    """Command line of a job: its script of `glue_jobs/`, and its arguments as Glue hands them over."""
    given = {"JOB_NAME": script, "JOB_RUN_ID": "jr_bench", "score_date": DAY, "run_id": "benchmark", **arguments}
    words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    return [str(GLUE), str(REPOSITORY / "glue_jobs" / f"{script}.py"), *words]


def score_users(bucket: str, key: str, etag: str) -> list[str]:
    """Command line of job 1 for one extract; its scores go to the bucket that it lies in."""
    return command(
        "score_users",
        scored_at=f"{DAY}T03:00:00Z",
        input_uri=f"s3://{bucket}/{key}",
        input_etags=json.dumps({key: etag}),
        output_bucket=bucket,
        weights_uri="default",
        max_reject_fraction=0.05,
    )
