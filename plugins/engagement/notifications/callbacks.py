"""Callbacks of the DAG's last task: publish an SNS message and CloudWatch metrics about the end of a run.

Airflow calls them after the task has succeeded, or has failed with no retry left. A callback must return in time:
until the process ends, Airflow does not count a failure as final, and it kills the process after
`[core] task_success_overtime` (20 s). So the message and the metrics have a thread each, both with a timeout, and
neither waits for the other.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.sdk import Context

from engagement.config.macros import dag_macros
from engagement.config.settings import VARIABLE, NotificationSettings, notification_settings
from engagement.contract.dates import BACKFILL
from engagement.contract.task_failures import state_name
from engagement.notifications import message, metrics
from engagement.notifications.message import Notification

log = logging.getLogger(__name__)

SUCCESS, FAILED = "success", "failed"
CLIENT_CONFIG = {"connect_timeout": 2, "read_timeout": 4, "retries": {"mode": "standard", "total_max_attempts": 2}}
"""Timeouts (seconds) and attempts of the SNS and CloudWatch clients."""
TIMEOUT_SECONDS = 12.0
"""For everything, because a secrets backend with the settings and the connection may hang too."""


def on_success(context: Context) -> None:
    """Publish message and metrics of a successful run."""
    _publish_all(context, SUCCESS)


def on_failure(context: Context) -> None:
    """Publish message and metrics of a failed run, unless a retry follows."""
    if _retry_follows(context["ti"]):
        log.info("No notification yet: a retry follows")
    else:
        _publish_all(context, FAILED)


def _publish_all(context: Context, status: str) -> None:
    threads = {
        "notification": threading.Thread(target=_notify, args=(context, status), name="notify", daemon=True),
        "metrics": threading.Thread(
            target=metrics.put, args=(context, status, CLIENT_CONFIG), name="run_metrics", daemon=True
        ),
    }
    deadline = time.monotonic() + TIMEOUT_SECONDS
    for thread in threads.values():
        thread.start()
    for what, thread in threads.items():
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            log.warning(
                "Timed out after %g s while publishing the run %s (status=%s). The state of the run does not change. "
                "Check that Airflow's workers can reach the secrets backend and the service",
                TIMEOUT_SECONDS,
                what,
                status,
            )


def _retry_follows(ti: Any) -> bool:
    # When a worker is lost, Airflow 3.2.1 calls the failure callback in the DAG processor, where the task instance has
    # no state, even if a retry follows. A task that got stuck in the queue has no hostname and is not retried.
    return ti.state is None and bool(ti.hostname) and ti.try_number <= ti.max_tries


def _notify(context: Context, status: str) -> None:
    """Publish the SNS message if the settings ask for one. Errors are logged only."""
    topic = "the topic in the setting sns_topic_arn"
    try:
        settings = _read_settings(context)
        if not settings.sns_topic_arn:
            return
        topic = settings.sns_topic_arn
        run_type = state_name(context["dag_run"].run_type)
        if reason := _skip_reason(settings, status, run_type):
            log.info("No notification to %s: %s", topic, reason)
            return
        notification = _make_notification(context, status, run_type)
        _publish(topic, notification, getattr(context["task"], "aws_conn_id", None))
        log.info("Published the run notification to %s: %s", topic, notification.subject)
    except Exception as error:  # noqa: BLE001 - a notification never changes the state of a run
        log.warning(
            "Could not publish the run notification (status=%s) to %s: %s. The state of the run does not change. Check "
            "that the topic exists and that Airflow's role has sns:Publish, or remove the setting sns_topic_arn",
            status,
            topic,
            error,
        )


def _read_settings(context: Context) -> NotificationSettings:
    # Only the settings for notifications are validated: other faults in the Variable have failed the run, and the
    # message reports them.
    settings, faults = notification_settings(context["var"]["value"].get(VARIABLE, None))
    if faults:
        log.warning("The Airflow Variable %r has invalid settings: %s", VARIABLE, "; ".join(faults.values()))
    return settings


def _skip_reason(settings: NotificationSettings, status: str, run_type: str) -> str:
    """Return why no message is sent; empty when one is."""
    if run_type == BACKFILL and not settings.notify_backfills:
        return "the run belongs to a backfill, and notify_backfills is false"
    if status == SUCCESS and settings.notify != "all":
        return f"the run succeeded, and notify is {settings.notify}"
    return ""


def _publish(topic: str, notification: Notification, aws_conn_id: str | None) -> None:
    region = topic.split(":")[3]  # may differ from the region of the jobs
    hook = AwsBaseHook(aws_conn_id=aws_conn_id, region_name=region, client_type="sns", config=CLIENT_CONFIG)
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in notification.attributes.items()}
    hook.conn.publish(
        TopicArn=topic,
        Subject=notification.subject,
        Message=notification.body,
        MessageAttributes=attributes,
    )


def _make_notification(context: Context, status: str, run_type: str) -> Notification:
    summary: Any = getattr(context["task"], "summary", None)
    # The task may fail with the summary of a successful run, if storing its result fails.
    if status == SUCCESS or (summary is not None and summary.status == FAILED):
        return message.from_summary(summary, run_type=run_type)
    ti, error = context["ti"], context.get("exception")
    return message.without_result(
        task_id=ti.task_id,
        problem=f"{type(error).__name__}: {error}" if error else "the task was killed, or its worker was lost",
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        run_type=run_type,
        score_date=_score_date(context),
    )


def _score_date(context: Context) -> str:
    # Not taken from the task: its templates are not rendered if it failed early, or if its worker was lost.
    try:
        macros = dag_macros(getattr(context["task"], "timezone", "UTC"))
        return str(macros["score_date"](context["dag_run"], context["params"]))
    except Exception:  # noqa: BLE001 - the date is useful, not required
        return ""
