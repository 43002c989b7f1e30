"""The operator against moto's S3 and Glue, through the provider's real hooks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import boto3
import pytest
from airflow.sdk import DAG, BaseOperator, TriggerRule
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.serialization.serialized_objects import DagSerialization
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto.core.responses import ActionResult
from moto.glue.models import FakeJobRun, glue_backends
from moto.glue.responses import GlueResponse

from engagement.aws import glue_runs
from engagement.aws.s3 import Bucket
from engagement.contract import s3_keys
from engagement.contract.aggregate import Aggregate
from engagement.contract.summary import Summary
from engagement.operators.summarize_responses import SummarizeApiResponsesOperator
from tests.unit.plugins.engagement import run_factory as factory
from tests.unit.plugins.engagement.ledger_factory import CANARY, ledger, line

BUCKET = "engagement-output"
LEDGER = f"responses/dt={factory.DATE}/attempt={factory.LAST}/part-0-00000.jsonl"
RUN_SUMMARY = s3_keys.summary_prefix(factory.DATE, factory.RUN_ID, dry_run=False)


class Aws:
    """Clients of the emulated account, with S3 objects and Glue runs to test with."""

    def __init__(self) -> None:
        self.s3 = boto3.client("s3")
        self.glue = boto3.client("glue")
        self.s3.create_bucket(Bucket=BUCKET)
        for job in (factory.SCORE_JOB, factory.PUSH_JOB):
            self.glue.create_job(
                Name=job,
                Role="r",
                Command={"Name": "glueetl", "ScriptLocation": "s3://x/y.py"},
                ExecutionProperty={"MaxConcurrentRuns": 5},
            )

    def put(self, objects: dict[str, bytes]) -> None:
        for key, body in objects.items():
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def put_run(self, **changes: Any) -> None:
        aggregates = factory.first_attempt() + factory.last_attempt()
        self.put(factory.objects(factory.scores_manifest(), factory.delivery_manifest(**changes), aggregates))
        self.put({LEDGER: json.dumps({"user_id": CANARY}).encode()})

    def start(self, job: str, state: str = "SUCCEEDED", error: str = "", run_id: str = factory.RUN_ID) -> str:
        response = self.glue.start_job_run(
            JobName=job, Arguments={"--run_id": run_id}, WorkerType="G.1X", NumberOfWorkers=2
        )
        run = run_of(job, response["JobRunId"])
        run._transitions, run.status, run.error = [], state, error
        return str(response["JobRunId"])

    def all_keys(self) -> set[str]:
        return {item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}

    def text(self, key: str) -> str:
        return str(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode())

    def summary(self) -> Any:
        return json.loads(self.text(f"{RUN_SUMMARY}.json"))


def run_of(job: str, run: str) -> Any:
    backend = glue_backends["123456789012"]["us-east-1"]
    return next(each for each in backend.jobs[job].job_runs if each.job_run_id == run)


@pytest.fixture
def aws(aws_account: None, monkeypatch: pytest.MonkeyPatch) -> Aws:  # noqa: ARG001
    as_dict = FakeJobRun.as_dict

    def with_error(run: Any) -> dict[str, Any]:
        return as_dict(run) | ({"ErrorMessage": run.error} if getattr(run, "error", "") else {})

    def batch_stop_job_run(response: GlueResponse) -> ActionResult:
        for run in response._get_param("JobRunIds"):
            run_of(response._get_param("JobName"), run).status = "STOPPED"
        return ActionResult({"SuccessfulSubmissions": [], "Errors": []})

    # moto's Glue has neither error messages nor BatchStopJobRun.
    monkeypatch.setattr(glue_runs, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(FakeJobRun, "as_dict", with_error)
    monkeypatch.setattr(GlueResponse, "batch_stop_job_run", batch_stop_job_run, raising=False)
    return Aws()


class TaskInstance(SimpleNamespace):
    """The part of a task instance that the operator uses."""

    dag_id = factory.DAG_ID
    run_id = factory.RUN_ID
    checks: ClassVar[dict[str, Any]] = {"warnings": ["fewer than usual"], "checks": ["rows add up"]}

    def get_task_states(self, *, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str | None]]:
        assert (dag_id, run_ids) == (self.dag_id, [self.run_id])
        return {self.run_id: {**self.states, "summarize_responses": "running"}}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def xcom_pull(self, *, task_ids: str, key: str = "return_value") -> Any:
        if (task_ids, key) == ("check_scores", "return_value"):
            return self.checks
        return self.failure_reasons.get(task_ids) if key == "failure_reason" else None


def operator(**changes: Any) -> SummarizeApiResponsesOperator:
    values: dict[str, Any] = {
        "task_id": "summarize_responses",
        "score_date": factory.DATE,
        "run_id": factory.RUN_ID,
        "output_bucket": BUCKET,
        "score_job_name": factory.SCORE_JOB,
        "push_job_name": factory.PUSH_JOB,
        "push_mode": "all",
        "max_failed_fraction": "0.01",
        "dpu_hour_usd": "0.44",
        "aws_conn_id": None,
        "trigger_rule": TriggerRule.ALL_DONE,
    }
    with DAG(factory.DAG_ID, schedule=None) as dag:
        tasks = [BaseOperator(task_id=task) for task in factory.TASKS]
        last = SummarizeApiResponsesOperator(**values | changes)
        for before, after in zip(tasks, [*tasks[1:], last], strict=True):
            before.set_downstream(after)
    assert last.dag is dag
    return last


def context(task: SummarizeApiResponsesOperator, states: dict[str, str | None] | None = None) -> Any:
    ti = TaskInstance(states=dict.fromkeys(factory.TASKS, "success") | (states or {}), pushed={}, failure_reasons={})
    return {"ti": ti, "task": task, "dag": task.dag}


def failure_message(task: SummarizeApiResponsesOperator, task_context: Any) -> str:
    with pytest.raises(AirflowFailException) as raised:
        task.execute(task_context)
    return str(raised.value)


def test_a_success_is_returned_written_and_linked(aws: Aws) -> None:
    aws.put_run()
    aws.start(factory.SCORE_JOB)
    aws.start(factory.PUSH_JOB)
    task = operator(timezone="Europe/Berlin")
    result = task.execute(context(task))
    assert tuple(result) == tuple(Summary.model_fields)
    assert result["status"] == "success"
    assert result["outcomes"] == factory.SETTLED
    summary = aws.summary()
    assert task.summary is not None
    assert summary == task.summary.model_dump(mode="json")  # for the task's callbacks
    assert list(summary["tasks"]) == list(factory.TASKS)
    # moto's runs take 123 s on two G.1X workers
    assert summary["cost_usd"] == pytest.approx(2 * 123 * 2 / 3600 * 0.44, abs=0.0002)
    assert aws.text(f"summaries/dt={factory.DATE}/summary.json") == aws.text(f"{RUN_SUMMARY}.json")
    page = aws.s3.head_object(Bucket=BUCKET, Key=f"{RUN_SUMMARY}.html")
    assert page["ContentType"] == "text/html; charset=utf-8"
    (link,) = task.operator_extra_links
    assert link.get_link(task, ti_key=None) == summary["report_url"]
    assert summary["report_url"].startswith(f"https://console.aws.amazon.com/s3/object/{BUCKET}?region=us-east-1&")


def test_scores_are_compared_with_earlier_dates_in_s3(aws: Aws) -> None:
    aws.put_run()
    for date in ("2026-11-21", "2026-11-24"):
        aws.put({s3_keys.scores_manifest_key(date): factory.changed(factory.scores_manifest(), score_date=date)})
    task = operator()
    task.execute(context(task))
    assert aws.summary()["scores"]["recent"] == {"dates": 1, "histogram": [0.05] * 20, "drift": 0.0}
    assert "To match the one recent date" in aws.text(f"{RUN_SUMMARY}.html")


def test_no_user_id_is_read_or_written(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.put_run()
    keys: list[str] = []
    read = Bucket.read

    def record(bucket: Bucket, key: str) -> bytes | None:
        keys.append(key)
        return read(bucket, key)

    monkeypatch.setattr(Bucket, "read", record)
    task = operator()
    result = task.execute(context(task))
    assert LEDGER not in keys
    assert len(keys) == 5
    texts = [json.dumps(result), aws.text(f"{RUN_SUMMARY}.json"), aws.text(f"{RUN_SUMMARY}.html")]
    assert not [text for text in texts if CANARY in text]


def test_a_failed_push_is_reported_with_message_and_counts(aws: Aws) -> None:
    aws.put_run(stopped={"cause": "token_refused", "detail": "The CRM responded with 401 twice."})
    aws.start(factory.PUSH_JOB, "FAILED", "AuthError: the CRM responded with 401 twice")
    task = operator()
    task_context = context(task, {"push_scores": "failed"})
    message = failure_message(task, task_context)
    assert message.startswith("push_scores failed: AuthError: the CRM responded with 401 twice. 970 of 1,000 scores")
    assert "deferred 2" in message
    assert f"s3://{BUCKET}/{RUN_SUMMARY}.html" in message
    # The failure callback finds the numbers and the report.
    assert task_context["ti"].pushed["return_value"]["status"] == "failed"
    assert task.summary is not None
    assert aws.summary() == task.summary.model_dump(mode="json")
    assert task.operator_extra_links[0].get_link(task, ti_key=None) == aws.summary()["report_url"]


def test_a_run_without_delivery_manifest_fails(aws: Aws) -> None:
    aws.put_run()
    aws.s3.delete_object(Bucket=BUCKET, Key=s3_keys.delivery_manifest_key(factory.DATE, factory.RUN_ID, dry_run=False))
    aws.start(factory.PUSH_JOB)
    task = operator()
    assert "it does not exist" in failure_message(task, context(task))
    assert aws.summary()["outcomes"]["delivered"] in (500, 970)


def test_a_run_without_extract_has_summary_and_report(aws: Aws) -> None:
    states: dict[str, str | None] = dict.fromkeys(factory.TASKS[1:], "upstream_failed")
    task = operator(activity_uri="s3://in/activity.parquet")
    message = failure_message(task, context(task, {"wait_for_activity": "failed", **states}))
    cause = "wait_for_activity failed: there was no extract at s3://in/activity.parquet when the wait ended"
    assert message.startswith(f"{cause}. Nothing was sent for 2026-11-23.")
    assert aws.all_keys() == {f"{RUN_SUMMARY}.json", f"{RUN_SUMMARY}.html", s3_keys.latest_summary_key(factory.DATE)}


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("AirflowSensorTimeout: Sensor has timed out", "there was no extract at s3://in/a.parquet when the wait ended"),
        ("TaskDeferralTimeout: Trigger timeout", "there was no extract at s3://in/a.parquet when the wait ended"),
        ("ClientError: An error occurred (403) when calling HeadObject", "s3://in/a.parquet: access denied (ClientErr"),
        ("AirflowException: An error occurred (AccessDenied) when", "s3://in/a.parquet: access denied (AirflowExc"),
        ("ClientError: An error occurred (SlowDown)", "ClientError: An error occurred (SlowDown)"),
    ],
)
@pytest.mark.usefixtures("aws")
def test_the_sensor_has_a_message_of_its_own(error: str, cause: str) -> None:
    states: dict[str, str | None] = dict.fromkeys(factory.TASKS[1:], "upstream_failed")
    task = operator(activity_uri="s3://in/a.parquet")
    task_context = context(task, {"wait_for_activity": "failed", **states})
    task_context["ti"].failure_reasons = {"wait_for_activity": error}
    assert failure_message(task, task_context).startswith(f"wait_for_activity failed: {cause}")


def test_the_error_of_the_failed_task_leads_the_message(aws: Aws) -> None:
    states: dict[str, str | None] = dict.fromkeys(factory.TASKS[2:], "upstream_failed")
    task = operator()
    task_context = context(task, {"wait_for_activity": "success", "check_activity": "failed", **states})
    task_context["ti"].failure_reasons = {
        "check_activity": "the extract has 0 bytes",
        "wait_for_activity": "an earlier try",
    }
    assert failure_message(task, task_context).startswith("check_activity failed: the extract has 0 bytes.")
    assert "an earlier try" not in aws.summary()["headline"]
    assert aws.summary()["checks"] is None  # the XCom of an earlier try of check_scores is ignored


def test_a_deleted_result_of_check_scores_is_not_required(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.put_run()
    monkeypatch.setattr(TaskInstance, "checks", None)
    task = operator()
    assert task.execute(context(task))["checks"] is None


def test_an_active_glue_run_is_stopped_first(aws: Aws) -> None:
    aws.put_run()
    run = aws.start(factory.PUSH_JOB, "RUNNING")
    other = aws.start(factory.PUSH_JOB, "RUNNING", run_id="scheduled__other")
    task = operator(stop_poll_seconds=0)
    message = failure_message(task, context(task, {"push_scores": "failed"}))
    assert f"push_scores failed (see its log); summarize_responses stopped its Glue run {run}, which was" in message
    assert aws.summary()["stopped_glue_runs"] == [run]
    assert (run_of(factory.PUSH_JOB, run).status, run_of(factory.PUSH_JOB, other).status) == ("STOPPED", "RUNNING")


def killed_push(aws: Aws, planned: int, tasks: Sequence[Aggregate] = (), parts: dict[str, int] | None = None) -> None:
    """Leave what a killed push of 1,000 users leaves: `planned` users of the plan, aggregates, lines by ledger part."""
    plan = factory.aggregate(factory.LAST, "plan", {"superseded": planned})
    aws.put(factory.objects(factory.scores_manifest(), None, [plan, *tasks]))
    aws.put(ledger(factory.LAST, {part: [line()] * lines for part, lines in (parts or {}).items()}))


CANARY_TASK = factory.aggregate(factory.LAST, "canary", {"delivered": 111}, posts=111)
ALL_TASKS = [CANARY_TASK, *(factory.aggregate(factory.LAST, str(n), {"delivered": 440}, posts=440) for n in range(2))]


@pytest.mark.parametrize("state", ["RUNNING", "STOPPED", "TIMEOUT", "THROTTLED"])
@pytest.mark.parametrize(
    ("tasks", "parts", "delivered"),
    [
        ([], {}, "At least 0 of 1,000"),
        ([], {"canary-000000": 40}, "At least 40 of 1,000"),
        (
            [CANARY_TASK],
            {"canary-000000": 111, "0-000000": 500, "1-000000": 20, "1-000001": 31},
            "At least 662 of 1,000",
        ),
        (ALL_TASKS, {"canary-000000": 111, "0-000000": 440, "1-000000": 440}, "991 of 1,000"),
    ],
    ids=["before the canary", "in the canary", "in the middle", "after the tasks"],
)
def test_a_stopped_push_is_counted_from_its_ledger(
    aws: Aws,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    tasks: list[Aggregate],
    parts: dict[str, int],
    delivered: str,
) -> None:
    killed_push(aws, 9, tasks, parts)
    aws.start(factory.PUSH_JOB, "RUNNING" if state == "THROTTLED" else state)
    if state == "THROTTLED":
        fail_calls(monkeypatch, "GetJobRuns")
    task = operator(stop_poll_seconds=0, stop_wait_seconds=0 if state == "THROTTLED" else 1)
    with pytest.raises(AirflowException) as raised:
        task.execute(context(task, {"push_scores": "failed"}))
    message = str(raised.value)
    assert f". {delivered} scores for 2026-11-23 were delivered" in message
    assert CANARY not in message + aws.text(f"{RUN_SUMMARY}.json") + aws.text(f"{RUN_SUMMARY}.html")
    summary = aws.summary()
    total = summary["outcomes"]["delivered"] + summary["not_reached"] + summary["outcomes"]["superseded"]
    assert total == 1000
    assert summary["counts_complete"] == (not delivered.startswith("At least"))


def test_the_second_try_knows_what_the_first_one_stopped(aws: Aws) -> None:
    killed_push(aws, 9, [CANARY_TASK], {"0-000000": 20})
    run = aws.start(factory.PUSH_JOB, "RUNNING")
    states: dict[str, str | None] = {"push_scores": "failed"}
    first, second = operator(stop_poll_seconds=0), operator()
    stopped = f"summarize_responses stopped its Glue run {run}, which was still active"
    assert stopped in failure_message(first, context(first, states))
    assert stopped in failure_message(second, context(second, states))
    assert aws.summary()["stopped_glue_runs"] == [run]


def test_an_error_of_glue_is_retried_with_a_report_written(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.put_run()
    fail_calls(monkeypatch, "GetJobRuns")
    task = operator(stop_wait_seconds=0)
    with pytest.raises(AirflowException, match="cannot read the Glue runs") as raised:
        task.execute(context(task))
    assert not isinstance(raised.value, AirflowFailException)
    assert aws.all_keys() >= {f"{RUN_SUMMARY}.html", f"{RUN_SUMMARY}.json"}


@pytest.mark.parametrize("call", ["GetObject", "ListObjectsV2", "PutObject"])
def test_an_error_of_s3_is_retried(aws: Aws, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    aws.put_run()
    fail_calls(monkeypatch, call)
    task = operator()
    task.summary = factory.full_summary(factory.artifacts())
    with pytest.raises(ClientError, match="SlowDown"):
        task.execute(context(task))
    assert task.summary is None


def fail_calls(monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    call = BaseClient._make_api_call

    def make(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
        if operation == failing:
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "slow down"}}, operation)
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", make)


def test_a_dry_run_writes_only_into_its_own_folder(aws: Aws) -> None:
    manifest = factory.dry_run_manifest()
    plan = factory.aggregate("jr_dry", "plan", {"planned": 1000})
    before = factory.objects(factory.scores_manifest(), None, [])
    aws.put(before | factory.objects(None, manifest, [plan], dry_run=True))
    keys_before = aws.all_keys()
    task = operator(push_mode="dry_run", push_mode_reason="the score date was 9 days old")
    result = task.execute(context(task))
    assert result["headline"].startswith("Dry run: 1,000 of 1,000")
    new = aws.all_keys() - keys_before
    prefix = s3_keys.summary_prefix(factory.DATE, factory.RUN_ID, dry_run=True)
    assert new == {f"{prefix}.json", f"{prefix}.html"}
    assert prefix.startswith("dry_runs/")
    assert "This attempt sent nothing" in aws.text(f"{prefix}.html")


def test_a_dry_run_fails_if_an_earlier_attempt_left_users_open(aws: Aws) -> None:
    # The run was cleared when its date was too old: nothing is sent, so users of an earlier attempt stay open.
    left = factory.delivery_manifest(stopped={"cause": "deadline", "detail": "The deadline has passed."})
    dry = factory.dry_run_manifest()
    plan = factory.aggregate("jr_dry", "plan", {"planned": 1000})
    aws.put(factory.objects(factory.scores_manifest(), left, []))
    aws.put(factory.objects(None, dry, [plan], dry_run=True))
    task = operator(push_mode="dry_run", push_mode_reason="the score date was 9 days old")
    assert "left users open" in failure_message(task, context(task))


def test_templates_and_link_survive_serialization() -> None:
    task = operator()
    assert set(task.template_fields) >= {"score_date", "output_bucket", "push_mode", "max_failed_fraction", "run_id"}
    assert all(hasattr(task, field) for field in task.template_fields)
    (serialized,) = [
        t["__var"]
        for t in DagSerialization.to_dict(task.dag)["dag"]["tasks"]
        if t["__var"]["task_id"] == "summarize_responses"
    ]
    assert serialized["_operator_extra_links"] == {"Delivery report": "delivery_report"}
