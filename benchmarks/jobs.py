"""Command line and environment of the two job scripts, as on Glue but with all local cores and a 4 GB heap."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from benchmarks.processes import GLUE
from local.processes import REPOSITORY
from local.spark import conf

DAY = "2026-11-23"
_SCORED_AT = f"{DAY}T03:00:00Z"
# With the JVM's optimizing compiler, as on Glue; the Glue emulator turns it off.
_SPARK_CONF = "spark.driver.memory=4g --conf spark.driver.extraJavaOptions=-Duser.timezone=UTC"


def cores() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def spark_env(root: Path, scratch: Path) -> dict[str, str]:
    """Return the environment for a Spark whose buckets are the folders of `root`; empties `scratch` first."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    return conf.environment(GLUE, scratch, conf.properties(root, scratch, cores(), _SPARK_CONF))


def score_users(bucket: str, key: str, etag: str) -> list[str]:
    """Return the command line of the scoring job for one extract; the scores go to the same bucket."""
    return _command(
        "score_users",
        scored_at=_SCORED_AT,
        input_uri=f"s3://{bucket}/{key}",
        input_etags=json.dumps({key: etag}),
        output_bucket=bucket,
        weights_uri="default",
        max_invalid_fraction=0.05,
        stall_timeout_seconds=900,
    )


def push_scores(bucket: str, base_url: str, secret: str, concurrency: int) -> list[str]:
    """Return the command line of the push job: all scores of the date, no rate limit, one push task per core.

    :param concurrency: requests in flight, over all tasks
    """
    return _command(
        "push_scores",
        output_bucket=bucket,
        base_url=base_url,
        crm_uri="default",
        proxy_url="none",
        no_proxy="none",
        ca_uri="none",
        secret_id=secret,
        push_mode="all",
        resend_delivered="false",
        ignore_retry_after="false",
        limit="none",
        max_requests_per_second=1e6,
        push_tasks=cores(),
        max_concurrency=concurrency // cores(),
        max_attempts=5,
        request_timeout_seconds=30,
        deadline_seconds=3600,
        unavailable_timeout_seconds=60,
        max_retry_after_seconds=86_400,
        max_failed_fraction=0,
        allow_http="true",
    )


def _command(script: str, **arguments: object) -> list[str]:
    given = {"JOB_NAME": script, "JOB_RUN_ID": "jr_bench", "score_date": DAY, "run_id": "benchmark", **arguments}
    words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    return [str(GLUE), str(REPOSITORY / "glue_jobs" / f"{script}.py"), *words]
