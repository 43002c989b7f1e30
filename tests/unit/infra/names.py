"""Names in the sample account: buckets, keys and ARNs in requests to AWS."""

from __future__ import annotations

from tests.unit.infra.deployed import ACCOUNT, PREFIX, REGION, deployed
from tests.unit.infra.policies import Request

DAY = "2026-11-23"
ACTIVITY, OUTPUT, ARTIFACTS = (f"{PREFIX}-{kind}-{ACCOUNT}" for kind in ("activity", "output", "artifacts"))
EXTRACT = f"activity/dt={DAY}/activity.parquet"
LEDGER = f"responses/dt={DAY}/attempt=jr_1/part-0-000000.jsonl"
CODE = "jobs/current"
ENVIRONMENT = deployed("mwaa").arn("Environment")
JOBS = {deployed("pipeline").ref(job): deployed("pipeline").arn(job) for job in ("ScoreJob", "PushJob")}
WORKFLOW = deployed("workflow").arn("Workflow")
TOPIC = deployed("pipeline").arn("NotificationTopic")


def secret(name: str) -> str:
    """Return the ARN of a secret of this name; Secrets Manager appends six characters."""
    return name if name.startswith("arn:") else f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf"


VARIABLE = secret(f"{PREFIX}/airflow/variables/engagement")


def object_arn(bucket: str, key: str) -> str:
    """Return the ARN of an object."""
    return f"arn:aws:s3:::{bucket}/{key}"


def listing(bucket: str, prefix: str) -> Request:
    """Return a request that lists a prefix."""
    return Request("s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": prefix})
