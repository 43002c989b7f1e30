"""Both stand-ins, the template of the repository deployed on them, and jobs of the tests' own."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local import s3
from local.processes import stand_in

TEMPLATE = Path(__file__).resolve().parents[3] / "infra" / "pipeline.yaml"
SECRET_PATTERN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:engagement/crm-??????"
PREFIX = "jobs/current"

PLAIN_JOB = """
import json, os, subprocess, sys, time
from helper_of_the_tests import GREETING

def value(name):
    return sys.argv[sys.argv.index("--" + name) + 1]

print(GREETING, *sys.argv[1:], flush=True)
print("on standard error", file=sys.stderr, flush=True)
behaviour = value("behaviour")
if behaviour == "raise":
    raise ValueError("two lines:\\nno such user")
if behaviour == "exit":
    sys.exit(3)
if behaviour == "abort":
    os.abort()
if behaviour == "hang":
    child = subprocess.Popen(["sleep", "600"])
    print("child", child.pid, flush=True)
    time.sleep(600)
if behaviour == "environment":
    print(json.dumps(dict(os.environ)), flush=True)
"""

SPARK_JOB = """
import json, sys
from awsglue.utils import getResolvedOptions
from pyspark.sql import SparkSession, functions as F

options = getResolvedOptions(sys.argv, ["JOB_NAME", "bucket"])
spark = SparkSession.builder.getOrCreate()
output = "s3://" + options["bucket"]
spark.range(10).select("id").coalesce(1).write.mode("overwrite").parquet(output + "/scores/numbers")
total = spark.read.parquet(output + "/scores/numbers").agg(F.sum("id")).first()[0]
names = ["task.maxFailures", "stage.maxConsecutiveAttempts", "sql.session.timeZone", "ui.enabled"]
conf = {name: spark.conf.get("spark." + name, spark.sparkContext.getConf().get("spark." + name)) for name in names}

def seen_by_worker(row):
    import helper_of_the_tests
    return helper_of_the_tests.GREETING

workers = spark.sparkContext.parallelize([1], 1).map(seen_by_worker).collect()
print(json.dumps({"total": total, "slots": spark.sparkContext.defaultParallelism, "conf": conf,
                  "run": options["JOB_RUN_ID"], "job": options["JOB_NAME"], "workers": workers}))
"""


@dataclass(frozen=True)
class Stack:
    """The deployed stack. `clients` by service name."""

    root: Path
    scratch: Path
    s3_url: str
    aws_url: str
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """An SDK client of one service; kept, because making one costs a tenth of a second of CPU."""
        if service not in self.clients:
            self.clients[service] = self._client(service)
        return self.clients[service]

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.s3_url if service == "s3" else self.aws_url,
            aws_access_key_id=s3.ACCESS_KEY,
            aws_secret_access_key=s3.SECRET_KEY,
            region_name=s3.REGION,
            config=Config(
                retries={"total_max_attempts": 1},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def run(self, job: str, run_id: str) -> dict[str, Any]:
        """GetJobRun."""
        return dict(self.client("glue").get_job_run(JobName=job, RunId=run_id)["JobRun"])

    def wait(self, job: str, run_id: str, *states: str, seconds: float = 40) -> dict[str, Any]:
        """Poll until the run is in one of `states`; without any, until it has ended."""
        wanted = states or ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            run = self.run(job, run_id)
            if run["JobRunState"] in wanted:
                return run
            time.sleep(0.1)
        raise AssertionError(f"{run_id} is {run['JobRunState']} after {seconds} s, wanted {wanted}: {run}")

    def log(self, job: str, run_id: str, kind: str = "output") -> list[str]:
        """Messages of a run's log stream so far."""
        events = self.client("logs").get_log_events(
            logGroupName=f"/aws-glue/jobs/{job}/{kind}", logStreamName=run_id, startFromHead=True
        )["events"]
        return [event["message"] for event in events]


def parameters(**values: str) -> list[dict[str, str]]:
    """Parameters of the stack in the API's form."""
    given = {"CrmSecretArn": SECRET_PATTERN, "ArtifactsPrefix": PREFIX, **values}
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]


def upload_code(stack: Stack, prefix: str = PREFIX, greeting: str = "hello") -> None:
    """Both jobs and their archive."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("helper_of_the_tests.py", f"GREETING = {greeting!r}\n")
    bucket = "engagement-artifacts-123456789012"
    for name, body in (
        ("score_users.py", PLAIN_JOB.encode()),
        ("push_scores.py", SPARK_JOB.encode()),
        ("engagement_jobs.zip", archive.getvalue()),
    ):
        stack.client("s3").put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=body)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stand-ins with the template deployed; a minute of Glue lasts a second."""
    base = tmp_path_factory.mktemp("stack")
    env = {"LOCAL_GLUE_SECONDS_PER_MINUTE": "1", "LOCAL_GLUE_STOP_GRACE_SECONDS": "1", "LOCAL_GLUE_START_SECONDS": "0"}
    env |= {"HTTPS_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "AWS_PROFILE": "somebodys"}
    where = ["--root", str(base / "s3"), "--scratch", str(base / "glue")]
    with (
        s3.serve(base / "s3") as s3_url,
        stand_in("local.aws", [*where, "--s3-url", s3_url], base / "aws.log", env) as aws_url,
    ):
        stack = Stack(base / "s3", base / "glue", s3_url, aws_url)
        stack.client("cloudformation").create_stack(
            StackName="engagement",
            TemplateBody=TEMPLATE.read_text(),
            Parameters=parameters(),
            Capabilities=["CAPABILITY_IAM"],
        )
        upload_code(stack)
        yield stack
