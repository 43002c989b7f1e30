"""How a run ended as CloudWatch metrics, for alarms and for a look over months; `notify` tells people.

| metric | unit | value |
|---|---|---|
| `RunsSucceeded`, `RunsFailed` | count | 1, the one that it was |
| `UsersDelivered`, `UsersNotReached` | count | as in the summary |
| `CostUsd` | US dollars | of the run's Glue runs, estimated; not put when it is not known |

A run that failed before there was a summary puts `RunsFailed` alone. A backfill puts nothing, nor does a dry run that
was started by hand: an alarm on a day that is late must not be calmed, and one on failures not be set off, by either.
No dimensions, so that an alarm need not know them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.sdk import Context

from engagement.config.settings import VARIABLE, notification_settings
from engagement.contract.arguments import DRY_RUN
from engagement.contract.dates import BACKFILL
from engagement.contract.summary import Summary
from engagement.contract.task_failures import state_name

log = logging.getLogger(__name__)

SCHEDULED = "scheduled"
OUTCOMES = {"success": "RunsSucceeded", "failed": "RunsFailed"}


def metric_data(status: str, summary: Summary | None) -> list[dict[str, Any]]:
    """The metrics of a run as PutMetricData takes them.

    :param status: how the last task ended, `success` or `failed`
    :param summary: the whole one, None when the task failed before it had one
    """
    found = [_datum(OUTCOMES[status], 1)]
    if summary is not None:
        found.append(_datum("UsersDelivered", summary.outcomes.delivered))
        found.append(_datum("UsersNotReached", summary.not_reached))
        if summary.cost_usd is not None:
            found.append(_datum("CostUsd", summary.cost_usd, "None"))  # CloudWatch has no unit for money
    return found


def put(context: Context, status: str, client_config: Mapping[str, Any]) -> None:
    """Put the metrics of a run that has ended, if the settings want any; whatever goes wrong is logged and no more.

    :param status: how the last task ended, `success` or `failed`
    :param client_config: botocore's configuration, which bounds how long CloudWatch may take
    """
    namespace = "the namespace of the setting metrics_namespace"
    try:
        # A single setting, as in `notify`: a Variable that is wrong elsewhere has failed the run, which counts.
        settings, faults = notification_settings(context["var"]["value"].get(VARIABLE, None))
        if "metrics_namespace" in faults:
            fault = faults["metrics_namespace"]
            log.warning("No metric is put, for the Airflow Variable %r has a fault: %s", VARIABLE, fault)
        if not settings.metrics_namespace:
            return
        namespace = settings.metrics_namespace
        if why := _skip_reason(context):
            log.info("No metric is put into %s: %s", namespace, why)
            return
        task = context["task"]
        hook = AwsBaseHook(
            aws_conn_id=getattr(task, "aws_conn_id", None),
            region_name=getattr(task, "region_name", None),
            client_type="cloudwatch",
            config=dict(client_config),
        )
        metrics = metric_data(status, getattr(task, "summary", None))
        hook.conn.put_metric_data(Namespace=namespace, MetricData=metrics)
        log.info("Metrics in %s: %s", namespace, ", ".join(f"{one['MetricName']} {one['Value']}" for one in metrics))
    except Exception as error:  # noqa: BLE001 - a run is what it is, whether or not it is counted
        log.warning(
            "No metric tells that the run ended as %s, for %s could not be used: %s. The run's state stands. See that "
            "Airflow's role may cloudwatch:PutMetricData there, or empty the setting metrics_namespace",
            status,
            namespace,
            error,
        )


def _skip_reason(context: Context) -> str:
    """Why the run is not counted; empty when it is."""
    run_type = state_name(context["dag_run"].run_type)
    if run_type == BACKFILL:
        return "the run belongs to a backfill"
    # Of a task that failed before its templates were rendered, only the param tells.
    modes = (getattr(context["task"], "push_mode", None), context["params"].get("push_mode"))
    return "the run was started by hand as a dry run" if run_type != SCHEDULED and DRY_RUN in modes else ""


def _datum(name: str, value: float, unit: str = "Count") -> dict[str, Any]:
    return {"MetricName": name, "Value": value, "Unit": unit}
