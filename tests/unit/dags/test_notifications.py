"""End-of-run notifications through Airflow's own task runner: callbacks of the last task, SNS and CloudWatch."""

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
from engagement.summary import xcom
from tests.unit.dags.conftest import NIGHT, a_dag_run
from tests.unit.plugins.engagement import run_factory as factory

TASK = "summarize_responses"
SCHEDULED = factory.RUN_ID


NAMESPACE = "Engagement/engagement"


class Topic:
    """A topic in the mocked account, with a subscribed queue."""

    def __init__(self, region: str) -> None:
        self.sns = boto3.client("sns", region_name=region)
        self.sqs = boto3.client("sqs", region_name=region)
        self.arn = self.sns.create_topic(Name="engagement-notifications")["TopicArn"]
        self.queue = self.sqs.create_queue(QueueName="on-call")["QueueUrl"]
        described = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        queue_arn = described["Attributes"]["QueueArn"]
        self.sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue_arn)

    def received(self) -> list[dict[str, Any]]:
        """Return the messages that arrived since the last call."""
        messages = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]


@pytest.fixture
def topic(aws_account: None) -> Topic:  # noqa: ARG001
    # Another region than that of the jobs: the callback takes it from the topic's ARN.
    return Topic("eu-central-1")


def published_metrics() -> dict[str, float]:
    """Return the sum of each metric in the namespace."""
    cloudwatch = boto3.client("cloudwatch", region_name="us-east-1")
    now = datetime.now(UTC)
    sums = {}
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
        sums[name] = point["Sum"]
    return sums


def summary_with_limit(limit: float) -> Summary:
    """Return the summary of a run that did not reach 8 of 1,000 users."""
    return factory.full_summary(factory.artifacts(), limit)


def succeed(task: Any) -> dict[str, Any]:
    task.summary = summary_with_limit(0.01)
    return xcom.compact(task.summary)


def fail(task: Any) -> dict[str, Any]:
    task.summary = summary_with_limit(0.001)
    raise AirflowFailException(task.summary.headline)


def glue_error(task: Any) -> dict[str, Any]:
    task.summary = summary_with_limit(0.001)
    raise AirflowException("Glue cannot be queried")


def s3_error(task: Any) -> dict[str, Any]:  # noqa: ARG001
    raise OSError("S3 is unreachable")


def lost_result(task: Any) -> dict[str, Any]:
    task.summary = summary_with_limit(0.01)
    raise OSError("the result could not be stored")


def timeout_error(task: Any) -> dict[str, Any]:  # noqa: ARG001
    raise AirflowTaskTimeout("after 30 minutes")


@pytest.fixture
def end(
    dag: Any,
    configure: Callable[..., None],  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., str]:
    """Run the last task as a worker does, with `execute` instead of the operator's; return the reported state."""
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
        # The same calls as in airflow.sdk.execution_time.task_runner.main.
        state, _, error = task_runner.run(ti, context, log)
        context["exception"] = error
        task_runner.finalize(ti, state, context, log, error)
        return str(state.value)

    return run


@pytest.fixture
def configure(topic: Topic, variable: Callable[..., None]) -> Callable[..., None]:
    """Set the Variable, with the topic and the namespace in it."""

    def set_variable(**changes: Any) -> None:
        variable(**{"sns_topic_arn": topic.arn, "metrics_namespace": NAMESPACE, **changes})

    set_variable()
    return set_variable


NOT_REACHED = "FAILED engagement scores 2026-11-23: 8 of 1,000 users not reached"
NO_RESULT = "FAILED engagement scores 2026-11-23: no result, see summarize_responses"


NUMBERS = {"UsersDelivered": 970, "UsersNotReached": 8, "CostUsd": 0.088}


def test_a_success_is_published_once(topic: Topic, end: Callable[..., str]) -> None:
    assert end(succeed) == "success"
    (message,) = topic.received()
    assert message["Subject"] == "OK engagement scores 2026-11-23: 970 of 1,000 delivered, 8 not reached, 1 warning"
    assert message["Message"].startswith("970 of 1,000 scores for 2026-11-23 were delivered.")
    assert {name: value["Value"] for name, value in message["MessageAttributes"].items()} == {
        "status": "success",
        "score_date": "2026-11-23",
        "dag_id": factory.DAG_ID,
        "run_type": "scheduled",
    }
    assert published_metrics() == {"RunsSucceeded": 1, **NUMBERS}


@pytest.mark.parametrize(
    ("execute", "last_try", "subject", "text", "numbers"),
    [
        (fail, False, NOT_REACHED, "970 of 1,000 scores for 2026-11-23 were delivered", NUMBERS),
        (glue_error, True, NOT_REACHED, "970 of 1,000 scores for 2026-11-23 were delivered", NUMBERS),
        (s3_error, True, NO_RESULT, "OSError: S3 is unreachable", {}),
        (lost_result, True, NO_RESULT, "OSError: the result could not be stored", NUMBERS),
        (timeout_error, True, NO_RESULT, "AirflowTaskTimeout: after 30 minutes", {}),
    ],
)
def test_a_failure_is_published_once(
    topic: Topic,
    end: Callable[..., str],
    execute: Callable[[Any], dict[str, Any]],
    last_try: bool,
    subject: str,
    text: str,
    numbers: dict[str, float],
) -> None:
    assert end(execute, last_try=last_try) == "failed"
    (message,) = topic.received()
    assert message["Subject"] == subject
    assert text in message["Message"]
    assert message["MessageAttributes"]["status"]["Value"] == "failed"
    assert published_metrics() == {"RunsFailed": 1, **numbers}


@pytest.mark.parametrize("execute", [glue_error, s3_error, timeout_error])
def test_nothing_is_published_when_a_retry_follows(
    topic: Topic,
    end: Callable[..., str],
    execute: Callable[[Any], dict[str, Any]],
) -> None:
    assert end(execute) == "up_for_retry"
    assert topic.received() == []
    assert published_metrics() == {}


def test_invalid_settings_are_reported_by_message(
    topic: Topic, configure: Callable[..., None], end: Callable[..., str]
) -> None:
    configure(credential_id=None, max_atempts=3)
    assert end(succeed) == "failed"
    (message,) = topic.received()
    assert message["Subject"] == NO_RESULT
    assert "max_atempts is not a known name; did you mean max_attempts?" in message["Message"]
    assert published_metrics() == {"RunsFailed": 1}


def test_without_the_variable_the_log_says_so(
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
    assert topic.received() == []
    assert "Could not publish the run notification (status=failed)" in caplog.text
    assert "'engagement' does not exist" in caplog.text
    assert "Could not publish the run metrics (status=failed)" in caplog.text
    assert published_metrics() == {}


def test_without_a_topic_only_metrics_are_published(
    topic: Topic, variable: Callable[..., None], end: Callable[..., str]
) -> None:
    variable(metrics_namespace=NAMESPACE)
    assert (end(succeed), end(fail)) == ("success", "failed")
    assert topic.received() == []
    assert published_metrics() == {
        "RunsSucceeded": 1,
        "RunsFailed": 1,
        **{name: 2 * value for name, value in NUMBERS.items()},
    }


def test_without_a_namespace_only_messages_are_published(
    topic: Topic, configure: Callable[..., None], end: Callable[..., str]
) -> None:
    configure(metrics_namespace=None)
    assert (end(succeed), end(fail)) == ("success", "failed")
    assert len(topic.received()) == 2
    assert published_metrics() == {}


def test_messages_about_failures_only(topic: Topic, configure: Callable[..., None], end: Callable[..., str]) -> None:
    configure(notify="failures")
    end(succeed)
    assert topic.received() == []
    end(fail)
    assert [message["Subject"] for message in topic.received()] == [NOT_REACHED]
    # Metrics do not depend on the setting notify.
    assert published_metrics()["RunsSucceeded"] == published_metrics()["RunsFailed"] == 1


@pytest.mark.parametrize("run_id", ["backfill__2026-11-23T03:00:00+00:00", SCHEDULED])
def test_backfills_publish_only_on_request(
    topic: Topic, configure: Callable[..., None], end: Callable[..., str], run_id: str
) -> None:
    # A scheduled run that a backfill reprocesses keeps its scheduled__ id.
    backfill = {"run_type": "backfill", "run_id": run_id}
    assert (end(succeed, **backfill), end(fail, **backfill)) == ("success", "failed")
    assert topic.received() == []
    configure(notify_backfills=True)
    end(succeed, **backfill)
    (message,) = topic.received()
    assert message["MessageAttributes"]["run_type"]["Value"] == "backfill"
    assert published_metrics() == {}


@pytest.mark.parametrize(("run_type", "names"), [("manual", []), ("scheduled", ["RunsFailed"])])
def test_a_manual_dry_run_publishes_no_metrics(
    topic: Topic, configure: Callable[..., None], end: Callable[..., str], run_type: str, names: list[str]
) -> None:
    configure(push_mode="dry_run")
    assert end(s3_error, last_try=True, run_type=run_type) == "failed"
    assert [message["Subject"] for message in topic.received()] == [NO_RESULT]
    assert list(published_metrics()) == names


def check_warning(caplog: pytest.LogCaptureFixture, module: ModuleType, *words: str) -> None:
    """Check that the first log record of a module is a warning with all these words."""
    warning = next(record for record in caplog.records if record.name == module.__name__)
    assert warning.levelname == "WARNING"
    for each in words:
        assert each in warning.getMessage()


@pytest.mark.parametrize(("execute", "state"), [(succeed, "success"), (fail, "failed")])
def test_a_deleted_topic_changes_no_state(
    topic: Topic,
    end: Callable[..., str],
    caplog: pytest.LogCaptureFixture,
    execute: Callable[[Any], dict[str, Any]],
    state: str,
) -> None:
    topic.sns.delete_topic(TopicArn=topic.arn)
    assert end(execute) == state
    check_warning(caplog, callbacks, f"(status={state})", topic.arn, "NotFound", "sns:Publish", "sns_topic_arn")
    assert len(published_metrics()) == 4


@pytest.mark.parametrize(("execute", "state"), [(succeed, "success"), (fail, "failed")])
@pytest.mark.parametrize(("service", "messages", "metrics"), [("SNS", 0, 4), ("CLOUDWATCH", 1, 0)])
def test_a_service_that_hangs_does_not_delay_the_other(
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
    attempts = callbacks.CLIENT_CONFIG["retries"]["total_max_attempts"]  # type: ignore[index]
    seconds = callbacks.CLIENT_CONFIG["connect_timeout"] + callbacks.CLIENT_CONFIG["read_timeout"]  # type: ignore[operator]
    assert attempts * seconds < 20  # [core] task_success_overtime
    monkeypatch.setitem(callbacks.CLIENT_CONFIG, "read_timeout", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        assert end(execute) == state
        assert time.monotonic() - started < 15
    monkeypatch.delenv(f"AWS_ENDPOINT_URL_{service}")
    assert "Read timeout" in caplog.text
    assert (len(topic.received()), len(published_metrics())) == (messages, metrics)


@pytest.mark.parametrize(("execute", "state"), [(succeed, "success"), (fail, "failed")])
def test_a_forbidden_namespace_changes_no_state(
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
        caplog, metrics, f"(status={state})", NAMESPACE, "AccessDenied", "cloudwatch:PutMetricData",
        "metrics_namespace",
    )  # fmt: skip
    assert len(topic.received()) == 1


def test_settings_that_hang_do_not_hold_the_process(
    topic: Topic,
    end: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # [core] task_success_overtime: a longer callback may turn a failure into a retry.
    assert callbacks.TIMEOUT_SECONDS < 20
    monkeypatch.setattr(callbacks, "TIMEOUT_SECONDS", 0.2)
    never = threading.Event()
    for module in (callbacks, metrics):
        monkeypatch.setattr(module, "notification_settings", lambda *_: never.wait(30))
    started = time.monotonic()
    assert end(fail) == "failed"
    assert time.monotonic() - started < 15
    never.set()
    assert caplog.text.count("Timed out after 0.2 s") == 2
    assert topic.received() == []


def test_an_invalid_topic_is_logged(
    topic: Topic,
    configure: Callable[..., None],
    end: Callable[..., str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure(sns_topic_arn="on-call")
    assert end(succeed) == "failed"  # like every task of that run
    assert "sns_topic_arn: expected the ARN of a standard SNS topic" in caplog.text
    assert topic.received() == []
    assert published_metrics() == {"RunsFailed": 1}


@pytest.mark.parametrize(
    ("try_number", "hostname", "subjects"), [(1, "worker", []), (4, "worker", [NO_RESULT]), (1, "", [NO_RESULT])]
)
def test_a_lost_worker_is_reported_without_a_retry(
    topic: Topic,
    configure: Callable[..., None],  # noqa: ARG001
    dag_bag: Any,
    try_number: int,
    hostname: str,
    subjects: list[str],
) -> None:
    # The scheduler notices it and has the DAG processor run the callback, even if a retry follows.
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
    messages = topic.received()
    assert [message["Subject"] for message in messages] == subjects
    assert all("its worker was lost" in message["Message"] for message in messages)
    assert published_metrics() == ({"RunsFailed": 1} if messages else {})
