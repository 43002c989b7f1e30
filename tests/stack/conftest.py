"""One stack for all end-to-end tests: real S3, Glue with real Spark, the fake CRM, and Airflow on SQLite."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from local.airflow_home import AirflowHome
from local.extract import write_extract
from local.stack import RunningStack, running

_DAY_SECONDS = 400


@dataclass(frozen=True)
class Ended:
    """An ended DAG run: exit code (0 is success), task states, summary, and the log of all tasks."""

    exit_code: int
    states: dict[str, str]
    summary: dict[str, Any]
    log: str


@dataclass(frozen=True)
class World:
    """The running stack and the operations that tests need on it."""

    stack: RunningStack
    folder: Path

    @property
    def output(self) -> Path:
        """The output bucket as a folder."""
        return self.stack.folder / "s3" / self.stack.outputs["OutputBucketName"]

    def upload(self, score_date: str, rows: int = 10_000, **options: Any) -> Path:
        """Generate and upload the extract of a date; return the local file."""
        path = self.folder / f"{score_date}.parquet"
        write_extract(path, rows, date.fromisoformat(score_date), **options)
        self.stack.upload_activity(path, score_date)
        return path

    def put(self, score_date: str, body: bytes) -> None:
        """Upload other content in place of the extract."""
        key = f"activity/dt={score_date}/activity.parquet"
        self.stack.client("s3").put_object(Bucket=self.stack.outputs["ActivityBucketName"], Key=key, Body=body)

    def run_day(
        self,
        score_date: str,
        *,
        settings: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        meanwhile: Callable[[AirflowHome], None] | None = None,
        **conf: Any,
    ) -> Ended:
        """Run the DAG for a date until it ends."""
        variable = self.stack.settings(
            **{"max_requests_per_second": 2000, "unavailable_timeout_seconds": 5, **(settings or {})}
        )
        quick = {"retries": 1, "retry_delay_seconds": 1, "push_retries": 0, "score_retries": 0, **(config or {})}
        home = AirflowHome(self.folder / "airflow", self.stack.env, variable, **quick)
        log = self.folder / f"dag-{score_date}-{time.monotonic_ns()}.log"
        with home.dag_run(log, {"score_date": score_date, "push_mode": "all", **conf}) as process:
            if meanwhile:
                meanwhile(home)
            exit_code = process.wait(_DAY_SECONDS)
        summary = self.output / "summaries" / f"dt={score_date}" / "summary.json"
        text = log.read_text()
        assert summary.exists(), text[-3000:]
        return Ended(exit_code, home.states(), json.loads(summary.read_text()), text)

    @contextlib.contextmanager
    def subscribed(self) -> Iterator[Callable[[], list[dict[str, Any]]]]:
        """Subscribe to the notification topic; yield a function that returns the messages as SNS delivers them."""
        sns, sqs = self.stack.client("sns"), self.stack.client("sqs")
        queue = sqs.create_queue(QueueName="on-call")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = self.stack.outputs["NotificationTopicArn"]
        subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
        try:
            yield lambda: [
                json.loads(message["Body"])
                for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            ]
        finally:
            sns.unsubscribe(SubscriptionArn=subscription)
            sqs.delete_queue(QueueUrl=queue)

    def push_runs(self, score_date: str) -> list[dict[str, Any]]:
        """Return the Glue runs of the push job for a date, newest first."""
        runs = self.stack.client("glue").get_job_runs(JobName=self.stack.outputs["PushJobName"])["JobRuns"]
        return [run for run in runs if run["Arguments"].get("--score_date") == score_date]

    def crm_stats(self) -> dict[str, Any]:
        """Return the CRM's counts so far."""
        stats: dict[str, Any] = self.stack.crm("GET", "stats")
        return stats

    def crm_scores(self) -> dict[str, str]:
        """Return the CRM's current score of each user."""
        scores: dict[str, str] = self.stack.crm("GET", "state")
        return scores


@pytest.fixture(scope="session")
def session_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("stack")
    with ThreadPoolExecutor(1) as pool:
        migrated = pool.submit(AirflowHome(folder / "airflow", {}, {}).migrate)
        with running(folder / "stack") as stack:
            migrated.result()
            yield World(stack, folder)


def find_personal_data(world: World) -> list[str]:
    """Return files with the token or a user id, other than ledger, `failed.csv`, scores and `invalid/`."""
    files = [world.folder / "airflow" / "airflow.db", *world.folder.glob("*.log")]
    files += [path for path in (world.stack.folder / "glue").glob("*/*") if path.name in ("output", "errors")]
    files += [path for path in world.output.rglob("*") if path.suffix in (".json", ".html")]
    token = re.escape(world.stack.token.encode())
    leak = re.compile(rb"U\d{9}|" + token)
    return [str(path) for path in files if "invalid" not in path.parts and leak.search(path.read_bytes())]


@pytest.fixture
def world(session_world: World) -> Iterator[World]:
    """The stack with an empty output bucket and a CRM without users or faults.

    After each test, no log, XCom, manifest, summary or report may contain the token or a user id.
    """
    # Otherwise a later date of another test would supersede this test's date.
    for path in session_world.output.iterdir():
        shutil.rmtree(path)
    session_world.stack.crm("POST", "reset")
    session_world.stack.crm("DELETE", "faults")
    yield session_world
    session_world.stack.crm("DELETE", "faults")
    assert find_personal_data(session_world) == []
