"""A DAG run in Airflow with a real metadata database. Only Glue and the last task are stubbed."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from tests.unit.plugins.engagement.checks.test_crm_probe import serving

pytestmark = [
    # Warnings of Airflow 3.2.1 and its libraries.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PARQUET = b"PAR1" + b"ffff" + (4).to_bytes(4, "little") + b"PAR1"


@pytest.fixture(scope="session")
def database() -> None:
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)


@pytest.fixture
def crm() -> Iterator[str]:
    with serving(405) as (base_url, _):
        yield base_url


@pytest.fixture
def s3(aws_account: None) -> Any:  # noqa: ARG001
    client = boto3.client("s3")
    client.create_bucket(Bucket="activity-bucket")
    client.create_bucket(Bucket="output-bucket")
    return client


def test_a_manual_run_without_a_logical_date(
    database: None,  # noqa: ARG001
    dag: Any,
    variable: Callable[..., None],
    s3: Any,
    crm: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.providers.amazon.aws.operators.glue import GlueJobOperator

    from engagement.operators.summarize_responses import SummarizeApiResponsesOperator

    variable(base_url=crm, allow_http=True)
    etag = s3.put_object(Bucket="activity-bucket", Key="activity/dt=2026-11-23/activity.parquet", Body=PARQUET)["ETag"]
    started: list[tuple[str, dict[str, str]]] = []

    def start(self: Any, context: Any) -> str:
        started.append((self.job_name, self.script_args))
        if self.task_id == "score_users":
            # The job ends without a manifest, so check_scores must stop the run before the push.
            s3.put_object(Bucket="output-bucket", Key="scores/dt=2026-11-23/part-0.csv", Body=b"UserID")
        return str(context["run_id"])

    monkeypatch.setattr(GlueJobOperator, "execute", start)
    monkeypatch.setattr(SummarizeApiResponsesOperator, "execute", lambda self, context: {"mode": self.push_mode})  # noqa: ARG005

    run = dag.test(
        run_after=datetime(2026, 11, 23, 14, 30, 7, tzinfo=UTC),
        logical_date=None,
        run_conf={"push_mode": "changed", "limit": 3},
    )

    assert {ti.task_id: str(ti.state) for ti in run.get_task_instances()} == {
        "wait_for_activity": "success",
        "check_activity": "success",
        "score_users": "success",
        "check_scores": "failed",
        "push_scores": "upstream_failed",
        "summarize_responses": "success",
    }
    [(job_name, arguments)] = started
    assert job_name == "engagement-score-users"
    assert arguments["--score_date"] == "2026-11-23"
    assert arguments["--scored_at"] == "2026-11-23T14:30:07Z"
    assert arguments["--run_id"] == run.run_id
    assert arguments["--input_etags"] == f'{{"activity/dt=2026-11-23/activity.parquet": {etag}}}'
    shown = RenderedTaskInstanceFields.get_templated_fields(run.get_task_instance("summarize_responses"))
    assert shown is not None
    assert shown["push_mode"] == "changed"
    assert shown["score_date"] == "2026-11-23"
