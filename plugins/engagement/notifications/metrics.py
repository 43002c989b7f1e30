"""CloudWatch metrics about the end of a run, for alarms and for trends.

| metric | unit | value |
|---|---|---|
| `RunsSucceeded` or `RunsFailed` | count | 1 |
| `UsersDelivered`, `UsersNotReached` | count | as in the summary: limits if the push job was killed |
| `CostUsd` | US dollars | estimate for the Glue runs of the run; left out when it is unknown |

A run that failed without a summary publishes `RunsFailed` only. Backfills and dry runs that were triggered manually
publish nothing: they must neither reset an alarm on a late day nor set off an alarm on failures. The metrics have no
dimensions, so that an alarm need not know their values.
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
STATUS_METRICS = {"success": "RunsSucceeded", "failed": "RunsFailed"}


def metric_data(status: str, summary: Summary | None) -> list[dict[str, Any]]:
    """Return the metrics of a run in the format of PutMetricData.

    :param status: how the last task ended, `success` or `failed`
    :param summary: the full one; None when the task failed without one
    """
    data = [_datum(STATUS_METRICS[status], 1)]
    if summary is not None:
        data.append(_datum("UsersDelivered", summary.outcomes.delivered))
        data.append(_datum("UsersNotReached", summary.not_reached))
        if summary.cost_usd is not None:
            data.append(_datum("CostUsd", summary.cost_usd, "None"))  # CloudWatch has no unit for money
    return data


def put(context: Context, status: str, client_config: Mapping[str, Any]) -> None:
    """Publish the metrics of a run if the settings name a namespace. Errors are logged only.

    :param status: how the last task ended, `success` or `failed`
    :param client_config: botocore configuration with the timeouts
    """
    namespace = "the namespace in the setting metrics_namespace"
    try:
        # Only this setting is validated: other faults in the Variable have failed the run, and a failure is counted.
        settings, faults = notification_settings(context["var"]["value"].get(VARIABLE, None))
        if fault := faults.get("metrics_namespace"):
            log.warning("No run metrics: the Airflow Variable %r has an invalid setting: %s", VARIABLE, fault)
        if not settings.metrics_namespace:
            return
        namespace = settings.metrics_namespace
        if reason := _skip_reason(context):
            log.info("No run metrics in %s: %s", namespace, reason)
            return
        task = context["task"]
        hook = AwsBaseHook(
            aws_conn_id=getattr(task, "aws_conn_id", None),
            region_name=getattr(task, "region_name", None),
            client_type="cloudwatch",
            config=dict(client_config),
        )
        data = metric_data(status, getattr(task, "summary", None))
        hook.conn.put_metric_data(Namespace=namespace, MetricData=data)
        values = ", ".join(f"{each['MetricName']} {each['Value']}" for each in data)
        log.info("Published run metrics to %s: %s", namespace, values)
    except Exception as error:  # noqa: BLE001 - a metric never changes the state of a run
        log.warning(
            "Could not publish the run metrics (status=%s) to %s: %s. The state of the run does not change. Check that "
            "Airflow's role has cloudwatch:PutMetricData for it, or remove the setting metrics_namespace",
            status,
            namespace,
            error,
        )


def _skip_reason(context: Context) -> str:
    """Return why the run is not counted; empty when it is."""
    run_type = state_name(context["dag_run"].run_type)
    if run_type == BACKFILL:
        return "the run belongs to a backfill"
    # If the task failed before its templates were rendered, only the param has the mode.
    modes = (getattr(context["task"], "push_mode", None), context["params"].get("push_mode"))
    if run_type != SCHEDULED and DRY_RUN in modes:
        return "the run is a dry run that was triggered manually"
    return ""


def _datum(name: str, value: float, unit: str = "Count") -> dict[str, Any]:
    return {"MetricName": name, "Value": value, "Unit": unit}
