"""Who is told what, and what is counted, through Airflow's own task runner: the last task's outcome, its callbacks, a
topic and CloudWatch.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock
from uuid import uuid4

import boto3
import pytest
import structlog
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowTaskTimeout

from engagement.contract.summary import Summary
from engagement.notifications import callbacks, metrics
from engagement.summary import builder as summaries
from tests.unit.dags.conftest import NIGHT, a_dag_run
from tests.unit.plugins.engagement import run_factory as factory

TASK = "summarize_responses"
SCHEDULED = factory.RUN_ID


NAMESPACE = "Engagement/engagement"


class Topic:
    """A topic of the mocked account with a queue behind it."""

    def __init__(self, region: str) -> None:
        self.sns = boto3.client("sns", region_name=region)
        self.sqs = boto3.client("sqs", region_name=region)
        self.arn = self.sns.create_topic(Name="engagement-notifications")["TopicArn"]
        self.queue = self.sqs.create_queue(QueueName="on-call")["QueueUrl"]
        wanted = {"AttributeNames": ["QueueArn"]}
        endpoint = self.sqs.get_queue_attributes(QueueUrl=self.queue, **wanted)["Attributes"]["QueueArn"]
        self.sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=endpoint)

    def told(self) -> list[dict[str, Any]]:
        """What has arrived since the last look."""
        found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]


@pytest.fixture
def topic(aws_account: None) -> Topic:  # noqa: ARG001
    # Not the region of everything else: it is taken from the topic's name.
    return Topic("eu-central-1")


def counted() -> dict[str, float]:
    """What has been put into the namespace: the metrics, summed up."""
    cloudwatch = boto3.client("cloudwatch", region_name="us-east-1")
    now = datetime.now(UTC)
    found = {}
    for metric in cloudwatch.list_metrics(Namespace=NAMESPACE)["Metrics"]:
        assert metric["Dimensions"] == []
        name = metric["MetricName"]
        (point,) = cloudwatch.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=name,
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=["Sum"],
        )["Datapoints"]
        found[name] = point["Sum"]
    return found


def whole(limit: float) -> Summary:
    """The summary of a run that did not reach 8 of 1,000."""
    return factory.whole_summary(factory.artifacts(), limit)


def succeed(task: Any) -> dict[str, Any]:
    task.summary = whole(0.01)
    return summaries.compact(task.summary)


def fail(task: Any) -> dict[str, Any]:
    task.summary = whole(0.001)
    raise AirflowFailException(task.summary.headline)


def glue_trouble(task: Any) -> dict[str, Any]:
    task.summary = whole(0.001)
    raise AirflowException("Glue could not be asked")


def s3_trouble(task: Any) -> dict[str, Any]:  # noqa: ARG001
    raise OSError("S3 is out of reach")


def lost_result(task: Any) -> dict[str, Any]:
    task.summary = whole(0.01)
    raise OSError("the result could not be stored")


def out_of_time(task: Any) -> dict[str, Any]:  # noqa: ARG001
    raise AirflowTaskTimeout("after 30 minutes")


@pytest.fixture
def end(
    dag: Any,
    choose: Callable[..., None],  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., str]:
    """Run the last task with `execute` in its operator's place, as a worker does; return the state reported."""
    from airflow.sdk.api.datamodels._generated import TIRunContext
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import InactiveAssetsResult

    supervisor = MagicMock()
    supervisor.send.return_value = InactiveAssetsResult(inactive_assets=[])
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)

    def run(execute: Callable[[Any], dict[str, Any]], *, last_try: bool = False, **run: Any) -> str:
        task = dag.task_dict[TASK].prepare_for_execution()
        monkeypatch.setattr(type(task), "execute", lambda self, context: execute(self))  # noqa: ARG005
        ti = task_runner.RuntimeTaskInstance.model_construct(
            id=uuid4(),
            task_id=TASK,
            dag_id=factory.DAG_ID,
            run_id=SCHEDULED,
            try_number=4 if last_try else 1,
            map_index=-1,
            task=task,
            max_tries=3,
            start_date=NIGHT,
            hostname="worker",
            _ti_context_from_server=TIRunContext(dag_run=a_dag_run(**run), max_tries=3, should_retry=not last_try),
        )
        log = structlog.get_logger()
        context = ti.get_template_context()
        # As airflow.sdk.execution_time.task_runner.main does.
        state, _, error = task_runner.run(ti, context, log)
        context["exception"] = error
        task_runner.finalize(ti, state, context, log, error)
        return str(state.value)

    return run


@pytest.fixture
def choose(topic: Topic, variable: Callable[..., None]) -> Callable[..., None]:
    """Set the Variable with the topic and the namespace in it."""

    def set_variable(**changes: Any) -> None:
        variable(**{"sns_topic_arn": topic.arn, "metrics_namespace": NAMESPACE, **changes})

    set_variable()
    return set_variable


LOST = "FAILED engagement scores 2026-11-23: 8 of 1,000 customers not reached"
NO_VERDICT = "FAILED engagement scores 2026-11-23: no verdict, see summarize_responses"


NUMBERS = {"UsersDelivered": 970, "UsersNotReached": 8, "CostUsd": 0.088}


def test_a_success_is_told_once(topic: Topic, end: Callable[..., str]) -> None:
    assert end(succeed) == "success"
    (message,) = topic.told()
    assert message["Subject"] == "OK engagement scores 2026-11-23: 970 of 1,000 delivered, 8 not reached, 1 warning"
    assert message["Message"].startswith("970 of 1,000 scores of 2026-11-23 are delivered;")
    assert {name: value["Value"] for name, value in message["MessageAttributes"].items()} == {
        "status": "success",
        "score_date": "2026-11-23",
        "dag_id": factory.DAG_ID,
        "run_type": "scheduled",
    }
    assert counted() == {"RunsSucceeded": 1, **NUMBERS}


@pytest.mark.parametrize(
    ("execute", "last_try", "subject", "said", "numbers"),
    [
        (fail, False, LOST, "970 of 1,000 customers have their score", NUMBERS),
        (glue_trouble, True, LOST, "970 of 1,000 customers have their score", NUMBERS),
        (s3_trouble, True, NO_VERDICT, "OSError: S3 is out of reach", {}),
        (lost_result, True, NO_VERDICT, "OSError: the result could not be stored", NUMBERS),
        (out_of_time, True, NO_VERDICT, "AirflowTaskTimeout: after 30 minutes", {}),
    ],
)
def test_a_failure_is_told_once(
    topic: Topic,
    end: Callable[..., str],
    execute: Callable[[Any], dict[str, Any]],
    last_try: bool,
    subject: str,
    said: str,
    numbers: dict[str, float],
) -> None:
    assert end(execute, last_try=last_try) == "failed"
    (message,) = topic.told()
    assert message["Subject"] == subject
    assert said in message["Message"]
    assert message["MessageAttributes"]["status"]["Value"] == "failed"
    assert counted() == {"RunsFailed": 1, **numbers}


@pytest.mark.parametrize("execute", [glue_trouble, s3_trouble, out_of_time])
def test_nobody_is_told_while_a_retry_follows(
    topic: Topic,
    end: Callable[..., str],
    execute: Callable[[Any], dict[str, Any]],
) -> None:
    assert end(execute) == "up_for_retry"
    assert topic.told() == []
    assert counted() == {}


def test_settings_that_cannot_be_read_are_told_all_the_same(
    topic: Topic, choose: Callable[..., None], end: Callable[..., str]
) -> None:
    choose(credential_id=None, max_atempts=3)
    assert end(succeed) == "failed"
    (message,) = topic.told()
    assert message["Subject"] == NO_VERDICT
    assert "max_atempts is not a known name; did you mean max_attempts?" in message["Message"]
    assert counted() == {"RunsFailed": 1}


def test_without_a_variable_there_is_no_topic_and_the_log_says_so(
    topic: Topic,
    end: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time import context
    from airflow.sdk.execution_time.comms import ErrorResponse

    missing = AirflowRuntimeError(ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND))
    monkeypatch.setattr(context, "_get_variable", MagicMock(side_effect=missing))
    assert end(succeed) == "failed"
    assert topic.told() == []
    assert "Nobody was told that the run ended as failed" in caplog.text
    assert "'engagement' does not exist" in caplog.text
    assert "No metric tells that the run ended as failed" in caplog.text
    assert counted() == {}


def test_no_topic_no_word(topic: Topic, variable: Callable[..., None], end: Callable[..., str]) -> None:
    variable(metrics_namespace=NAMESPACE)
    assert (end(succeed), end(fail)) == ("success", "failed")
    assert topic.told() == []
    assert counted() == {"RunsSucceeded": 1, "RunsFailed": 1, **{name: 2 * value for name, value in NUMBERS.items()}}


def test_no_namespace_no_metric(topic: Topic, choose: Callable[..., None], end: Callable[..., str]) -> None:
    choose(metrics_namespace=None)
    assert (end(succeed), end(fail)) == ("success", "failed")
    assert len(topic.told()) == 2
    assert counted() == {}


def test_failures_only(topic: Topic, choose: Callable[..., None], end: Callable[..., str]) -> None:
    choose(notify="failures")
    end(succeed)
    assert topic.told() == []
    end(fail)
    assert [message["Subject"] for message in topic.told()] == [LOST]
    assert counted()["RunsSucceeded"] == counted()["RunsFailed"] == 1  # who wants no messages wants his alarms


@pytest.mark.parametrize("run_id", ["backfill__2026-11-23T03:00:00+00:00", SCHEDULED])
def test_backfills_are_quiet_unless_wanted(
    topic: Topic, choose: Callable[..., None], end: Callable[..., str], run_id: str
) -> None:
    # A run that a backfill processes again keeps its scheduled__ id.
    backfill = {"run_type": "backfill", "run_id": run_id}
    assert (end(succeed, **backfill), end(fail, **backfill)) == ("success", "failed")
    assert topic.told() == []
    choose(notify_backfills=True)
    end(succeed, **backfill)
    (message,) = topic.told()
    assert message["MessageAttributes"]["run_type"]["Value"] == "backfill"
    assert counted() == {}


@pytest.mark.parametrize(("run_type", "names"), [("manual", []), ("scheduled", ["RunsFailed"])])
def test_a_dry_run_by_hand_is_told_and_not_counted(
    topic: Topic, choose: Callable[..., None], end: Callable[..., str], run_type: str, names: list[str]
) -> None:
    choose(push_mode="dry_run")
    assert end(s3_trouble, last_try=True, run_type=run_type) == "failed"
    assert [message["Subject"] for message in topic.told()] == [NO_VERDICT]
    assert list(counted()) == names


def check_warning(caplog: pytest.LogCaptureFixture, module: ModuleType, *words: str) -> None:
    """The module's first line is a warning that has all these words."""
    warning = next(record for record in caplog.records if record.name == module.__name__)
    assert warning.levelname == "WARNING"
    for each in words:
        assert each in warning.getMessage()


@pytest.mark.parametrize(("execute", "state"), [(succeed, "success"), (fail, "failed")])
def test_a_topic_that_is_gone_changes_no_state(
    topic: Topic,
    end: Callable[..., str],
    caplog: pytest.LogCaptureFixture,
    execute: Callable[[Any], dict[str, Any]],
    state: str,
) -> None:
    topic.sns.delete_topic(TopicArn=topic.arn)
    assert end(execute) == state
    check_warning(caplog, callbacks, f"ended as {state}", topic.arn, "NotFound", "sns:Publish", "sns_topic_arn")
    assert len(counted()) == 4


@pytest.mark.parametrize(("execute", "state"), [(succeed, "success"), (fail, "failed")])
@pytest.mark.parametrize(("service", "messages", "metrics"), [("SNS", 0, 4), ("CLOUDWATCH", 1, 0)])
def test_a_silent_service_does_not_delay_the_other(
    topic: Topic,
    end: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    execute: Callable[[Any], dict[str, Any]],
    state: str,
    service: str,
    messages: int,
    metrics: int,
) -> None:
    tries = callbacks.CLIENT_CONFIG["retries"]["total_max_attempts"]  # type: ignore[index]
    seconds = callbacks.CLIENT_CONFIG["connect_timeout"] + callbacks.CLIENT_CONFIG["read_timeout"]  # type: ignore[operator]
    assert tries * seconds < 20  # [core] task_success_overtime
    monkeypatch.setitem(callbacks.CLIENT_CONFIG, "read_timeout", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        began = time.monotonic()
        assert end(execute) == state
        assert time.monotonic() - began < 15
    monkeypatch.delenv(f"AWS_ENDPOINT_URL_{service}")
    assert "Read timeout" in caplog.text
    assert (len(topic.told()), len(counted())) == (messages, metrics)


@pytest.mark.parametrize(("execute", "state"), [(succeed, "success"), (fail, "failed")])
def test_a_namespace_that_may_not_be_used_changes_no_state(
    topic: Topic,
    end: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    execute: Callable[[Any], dict[str, Any]],
    state: str,
) -> None:
    from moto.cloudwatch.models import CloudWatchBackend
    from moto.core.exceptions import JsonRESTError

    denied = JsonRESTError("AccessDenied", "not authorized to perform cloudwatch:PutMetricData")
    monkeypatch.setattr(CloudWatchBackend, "put_metric_data", MagicMock(side_effect=denied))
    assert end(execute) == state
    check_warning(
        caplog, metrics, f"ended as {state}", NAMESPACE, "AccessDenied", "cloudwatch:PutMetricData",
        "metrics_namespace",
    )  # fmt: skip
    assert len(topic.told()) == 1


def test_settings_that_never_come_do_not_keep_the_process(
    topic: Topic,
    end: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert callbacks.TIMEOUT_SECONDS < 20  # [core] task_success_overtime: then a failure may become another try
    monkeypatch.setattr(callbacks, "TIMEOUT_SECONDS", 0.2)
    never = threading.Event()
    for module in (callbacks, metrics):
        monkeypatch.setattr(module, "notification_settings", lambda *_: never.wait(30))
    began = time.monotonic()
    assert end(fail) == "failed"
    assert time.monotonic() - began < 15
    never.set()
    assert caplog.text.count("did not answer within 0.2 s") == 2
    assert topic.told() == []


def test_a_topic_that_is_misspelt_is_told_of_in_the_log(
    topic: Topic,
    choose: Callable[..., None],
    end: Callable[..., str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    choose(sns_topic_arn="on-call")
    assert end(succeed) == "failed"  # as every task of that run
    assert "sns_topic_arn: expected the ARN of a standard SNS topic" in caplog.text
    assert topic.told() == []
    assert counted() == {"RunsFailed": 1}


@pytest.mark.parametrize(
    ("try_number", "hostname", "subjects"), [(1, "worker", []), (4, "worker", [NO_VERDICT]), (1, "", [NO_VERDICT])]
)
def test_a_worker_that_was_lost(
    topic: Topic,
    choose: Callable[..., None],  # noqa: ARG001
    dag_bag: Any,
    try_number: int,
    hostname: str,
    subjects: list[str],
) -> None:
    # The scheduler finds out and asks the DAG processor to call back, whether or not a try is left.
    from airflow.api_fastapi.execution_api.datamodels.taskinstance import TaskInstance, TIRunContext
    from airflow.callbacks.callback_requests import TaskCallbackRequest
    from airflow.dag_processing.processor import _execute_task_callbacks

    lost = TaskInstance(
        id=uuid4(),
        task_id=TASK,
        dag_id=factory.DAG_ID,
        run_id=SCHEDULED,
        try_number=try_number,
        dag_version_id=uuid4(),
        hostname=hostname,
    )
    run = a_dag_run().model_dump() | {"partition_key": None, "data_interval_start": NIGHT, "data_interval_end": NIGHT}
    request = TaskCallbackRequest(
        filepath="customer_engagement_scoring.py",
        bundle_name="dags-folder",
        bundle_version=None,
        ti=lost,
        msg="no heartbeat",
        context_from_server=TIRunContext.model_validate({"dag_run": run | {"end_date": None}, "max_tries": 3}),
    )
    _execute_task_callbacks(dag_bag, request, structlog.get_logger())
    told = topic.told()
    assert [message["Subject"] for message in told] == subjects
    assert all("its worker was lost" in message["Message"] for message in told)
    assert counted() == ({"RunsFailed": 1} if told else {})
