"""Requests of Spark, Glue, MWAA and EventBridge, which botocore does not send, so that no test records them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.unit.infra.actors import AIRFLOW, PUSH, SCHEDULE, SCORE
from tests.unit.infra.deployed import ACCOUNT, PREFIX, REGION
from tests.unit.infra.names import (
    ACTIVITY,
    ARTIFACTS,
    CODE,
    DAY,
    ENVIRONMENT,
    EXTRACT,
    JOBS,
    LEDGER,
    OUTPUT,
    WORKFLOW,
    listing,
    object_arn,
)
from tests.unit.infra.policies import Request


def s3a_reads(bucket: str, key: str) -> Iterator[Request]:
    """Yield the requests with which Spark reads a file or folder."""
    yield Request("s3:GetObject", object_arn(bucket, key))
    yield listing(bucket, key)
    yield listing(bucket, f"{key}/")


def s3a_writes(bucket: str, folder: str, name: str) -> Iterator[Request]:
    """Yield the requests with which Spark replaces a folder.

    It probes every parent, renames temporary files by copying them, and deletes the old files.
    """
    parts = folder.split("/")
    for parent in ("/".join(parts[:count]) for count in range(1, len(parts) + 1)):
        yield from s3a_reads(bucket, parent)
    temporary = f"{folder}/_temporary/0/_temporary/attempt_1/{name}"
    for key in (temporary, f"{folder}/{name}", f"{folder}/_temporary/0/", f"{folder}/"):
        for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"):
            yield Request(action, object_arn(bucket, key))
    for prefix in (f"{folder}/", f"{folder}/_temporary/0/"):
        yield listing(bucket, prefix)


def glue_starts(job: str, script: str) -> Iterator[Request]:
    """Yield the requests of Glue itself with the job's role: it reads code and writes logs."""
    for name in (script, "engagement_jobs.zip"):
        yield Request("s3:GetObject", object_arn(ARTIFACTS, f"{CODE}/{name}"))
    for stream in ("output", "error"):
        group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws-glue/jobs/{job}/{stream}"
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            yield Request(action, f"{group}:log-stream:jr_1")
    yield Request("glue:GetWorkflowRunProperties", WORKFLOW)


UNRECORDED: dict[str, list[Request]] = {
    SCORE: [
        *glue_starts(SCORE, "score_users.py"),
        *s3a_reads(ACTIVITY, EXTRACT),
        *s3a_writes(OUTPUT, f"scores/dt={DAY}", "part-00000.csv"),
        *s3a_writes(OUTPUT, f"invalid/dt={DAY}", "part-00000.json"),
        Request("s3:GetObject", object_arn(ARTIFACTS, "weights/2.json")),
    ],
    PUSH: [
        *glue_starts(PUSH, "push_scores.py"),
        *s3a_reads(OUTPUT, f"scores/dt={DAY}/part-00000.csv"),
        *s3a_reads(OUTPUT, f"responses/dt={DAY}/attempt=jr_1"),
        *s3a_reads(OUTPUT, LEDGER),
        *s3a_reads(OUTPUT, "delivered/v=jr_0"),
        *s3a_writes(OUTPUT, "delivered/v=jr_1", "part-00000.parquet"),
        Request("s3:PutObject", object_arn(OUTPUT, "dry_runs/manual-1/_manifest.json")),
        Request("s3:DeleteObject", object_arn(OUTPUT, "dry_runs/manual-1/_manifest.json")),
        Request("s3:PutObject", object_arn(OUTPUT, f"responses/dt={DAY}/attempt=jr_1/pause-0.json")),
        listing(ARTIFACTS, "crm/crm.json"),
    ],
    AIRFLOW: [
        # A day with failures, a dry run, and the dashboard.
        listing(ACTIVITY, EXTRACT),
        Request("glue:BatchStopJobRun", JOBS[PUSH]),
        Request("s3:PutObject", object_arn(OUTPUT, "dry_runs/manual-1/summary.json")),
        Request("s3:GetObject", object_arn(OUTPUT, "dry_runs/manual-1/_manifest.json")),
        Request("s3:GetObject", object_arn(OUTPUT, f"summaries/dt={DAY}/summary.json")),
        Request("s3:GetObject", object_arn(OUTPUT, LEDGER)),  # after a kill
        listing(OUTPUT, "summaries/"),
        listing(OUTPUT, "dry_runs/"),
        # MWAA itself: code, logs, metrics, and the Celery queue, which is encrypted with a key of MWAA.
        listing(ARTIFACTS, "dags/"),
        Request("s3:GetObject", object_arn(ARTIFACTS, "dags/customer_engagement_scoring.py")),
        Request("s3:GetObjectVersion", object_arn(ARTIFACTS, "releases/0/plugins.zip")),
        Request("s3:GetBucketPublicAccessBlock", f"arn:aws:s3:::{ARTIFACTS}"),
        Request("s3:GetAccountPublicAccessBlock", "*"),
        Request("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:airflow-{PREFIX}-Task:log-stream:a"),
        Request("logs:GetLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:airflow-{PREFIX}-Task:log-stream:a"),
        Request("logs:DescribeLogGroups", "*"),
        Request("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "AmazonMWAA"}),
        Request("airflow:PublishMetrics", ENVIRONMENT),
        Request("sqs:ReceiveMessage", f"arn:aws:sqs:{REGION}:999999999999:airflow-celery-1"),
        Request(
            "kms:Decrypt",
            f"arn:aws:kms:{REGION}:999999999999:key/1",
            {"kms:ViaService": f"sqs.{REGION}.amazonaws.com"},
        ),
    ],
    SCHEDULE: [Request("glue:StartWorkflowRun", WORKFLOW)],
}
