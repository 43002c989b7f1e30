"""Tells an SNS topic how a run ended, and has CloudWatch count it. Both functions are callbacks of the DAG's last task.

Airflow calls them once the task has ended: after a success, or after a failure that no retry follows. Until its
process ends, a failure is only noted: a process that dies in its callback, or is killed after `[core]
task_success_overtime` (20 s), is taken for one to be tried again. So telling and counting have a thread each, neither
waits for the other, and the callback always returns in time.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.sdk import Context

from engagement.config.macros import dag_macros
from engagement.config.settings import VARIABLE, notification_settings
from engagement.contract.dates import BACKFILL
from engagement.contract.task_failures import state_name
from engagement.notifications import message, metrics

log = logging.getLogger(__name__)

SUCCESS, FAILED = "success", "failed"
CLIENT_CONFIG = {"connect_timeout": 2, "read_timeout": 4, "retries": {"mode": "standard", "total_max_attempts": 2}}
"""Seconds and tries for SNS and for CloudWatch."""
TIMEOUT_SECONDS = 12.0
"""For everything: settings and connection may come from a secrets backend that hangs."""


def on_success(context: Context) -> None:
    """Tell, and count, that the run is a success."""
    _run_with_timeout(context, SUCCESS)


def on_failure(context: Context) -> None:
    """Tell, and count, that the run failed, unless the task will be tried again."""
    if _retry_follows(context["ti"]):
        log.info("Nobody is told yet: the task will be tried again")
    else:
        _run_with_timeout(context, FAILED)


def _run_with_timeout(context: Context, status: str) -> None:
    both = {
        "nobody was told (SNS)": threading.Thread(target=_notify, args=(context, status), name="notify", daemon=True),
        "no metric was put (CloudWatch)": threading.Thread(
            target=metrics.put, args=(context, status, CLIENT_CONFIG), name="run_metrics", daemon=True
        ),
    }
    end = time.monotonic() + TIMEOUT_SECONDS
    for thread in both.values():
        thread.start()
    for otherwise, thread in both.items():
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():
            log.warning(
                "The run ended as %s, and perhaps %s: settings and service did not answer within %g s. The run's state "
                "stands. See that the secrets backend and the service can be reached from Airflow's workers",
                status,
                otherwise,
                TIMEOUT_SECONDS,
            )


def _retry_follows(ti: Any) -> bool:
    # When a worker is lost, Airflow 3.2.1 calls the failure callback (in the DAG processor, where the task instance
    # has no state) whether or not a try is left. One that was stuck in the queue has no host, and is not tried again.
    return ti.state is None and bool(ti.hostname) and ti.try_number <= ti.max_tries


def _notify(context: Context, status: str) -> None:
    """Publish a notice if the settings want one; whatever goes wrong is logged and no more."""
    topic = "the topic of the setting sns_topic_arn"
    try:
        document = context["var"]["value"].get(VARIABLE, None)
        # Single settings: a Variable that is wrong elsewhere is one of the things to be told of.
        settings, faults = notification_settings(document)
        run_type = state_name(context["dag_run"].run_type)
        if faults:
            log.warning(
                "The Airflow Variable %r has settings that are not heeded here: %s",
                VARIABLE,
                "; ".join(faults.values()),
            )
        if not settings.sns_topic_arn:
            return
        topic = settings.sns_topic_arn
        if run_type == BACKFILL and not settings.notify_backfills:
            log.info("%s is not told: the run belongs to a backfill, and notify_backfills is false", topic)
            return
        if status == SUCCESS and settings.notify != "all":
            log.info("%s is not told: the run is a success, and notify is %s", topic, settings.notify)
            return
        made = _notice(context, status, run_type)
        _publish(topic, made, getattr(context["task"], "aws_conn_id", None))
        log.info("%s was told: %s", topic, made.subject)
    except Exception as error:  # noqa: BLE001 - a run is what it is, whether or not anybody can be told
        log.warning(
            "Nobody was told that the run ended as %s, for %s could not be used: %s. The run's state stands. See that "
            "the topic exists and that Airflow's role may sns:Publish to it, or empty the setting sns_topic_arn",
            status,
            topic,
            error,
        )


def _publish(topic: str, made: message.Notification, aws_conn_id: str | None) -> None:
    region = topic.split(":")[3]  # the topic may be in another one than the jobs
    hook = AwsBaseHook(aws_conn_id=aws_conn_id, region_name=region, client_type="sns", config=CLIENT_CONFIG)
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in made.attributes.items()}
    hook.conn.publish(TopicArn=topic, Subject=made.subject, Message=made.body, MessageAttributes=attributes)


def _notice(context: Context, status: str, run_type: str) -> message.Notification:
    summary: Any = getattr(context["task"], "summary", None)
    # A task may fail although its summary is that of a success: then the summary was not kept.
    if status == SUCCESS or (summary is not None and summary.status == FAILED):
        return message.from_summary(summary, run_type=run_type)
    ti, error = context["ti"], context.get("exception")
    return message.without_summary(
        task_id=ti.task_id,
        problem=f"{type(error).__name__}: {error}" if error else "it was killed, or its worker was lost",
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        run_type=run_type,
        score_date=_score_date(context),
    )


def _score_date(context: Context) -> str:
    # Templates are not rendered when the task died early or far away.
    try:
        macros = dag_macros(getattr(context["task"], "timezone", "UTC"))
        return str(macros["score_date"](context["dag_run"], context["params"]))
    except Exception:  # noqa: BLE001 - the date is a help, not a condition
        return ""
