"""Declared resources that moto's services answer for, so that their own APIs show what a template made.

Each is put by the same function when it is new and when it has changed.
"""

import json
from typing import Any

from moto.athena.models import athena_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.glue.models import glue_backends
from moto.iam.models import iam_backends
from moto.scheduler.models import scheduler_backends
from moto.sns.models import sns_backends

from local.aws.declared import SERVED, Declared


def _backend(backends: Any, resource: Declared) -> Any:
    return backends[resource.account_id][resource.region_name]


def _put_database(resource: Declared) -> None:
    catalog = _backend(glue_backends, resource)
    given = resource.properties["DatabaseInput"]
    resource.name = resource.physical_resource_id = given.get("Name", resource.name)
    if resource.name in catalog.databases:
        catalog.update_database(resource.name, given)
    else:
        catalog.create_database(resource.name, {**given, "Name": resource.name})


def _drop_database(resource: Declared) -> None:
    _backend(glue_backends, resource).delete_database(resource.name)


def _put_table(resource: Declared) -> None:
    catalog = _backend(glue_backends, resource)
    database, given = resource.properties["DatabaseName"], resource.properties["TableInput"]
    resource.name = resource.physical_resource_id = given.get("Name", resource.name)
    if resource.name in catalog.get_database(database).tables:
        catalog.update_table(database, resource.name, given)
    else:
        catalog.create_table(database, resource.name, {**given, "Name": resource.name})


def _drop_table(resource: Declared) -> None:
    _backend(glue_backends, resource).delete_table(resource.properties["DatabaseName"], resource.name)


def _put_connection(resource: Declared) -> None:
    glue = _backend(glue_backends, resource)
    given = resource.properties["ConnectionInput"]
    resource.name = resource.physical_resource_id = given.get("Name", resource.name)
    glue.connections.pop(resource.name, None)
    glue.create_connection(resource.account_id, {**given, "Name": resource.name}, {})


def _drop_connection(resource: Declared) -> None:
    del _backend(glue_backends, resource).connections[resource.name]


def _put_alarm(resource: Declared) -> None:
    given = resource.properties
    alarm = _backend(cloudwatch_backends, resource).put_metric_alarm(
        name=resource.name,
        namespace=given.get("Namespace"),
        metric_name=given.get("MetricName"),
        comparison_operator=given["ComparisonOperator"],
        evaluation_periods=int(given["EvaluationPeriods"]),
        period=int(given.get("Period", 0)),
        threshold=float(given.get("Threshold", 0)),
        statistic=given.get("Statistic"),
        description=given.get("AlarmDescription", ""),
        dimensions=given.get("Dimensions", []),
        alarm_actions=given.get("AlarmActions", []),
        datapoints_to_alarm=given.get("DatapointsToAlarm"),
        ok_actions=given.get("OKActions", []),
        insufficient_data_actions=given.get("InsufficientDataActions", []),
        treat_missing_data=given.get("TreatMissingData"),
    )
    resource.arn = alarm.alarm_arn


def _drop_alarm(resource: Declared) -> None:
    _backend(cloudwatch_backends, resource).delete_alarms([resource.name])


def _put_work_group(resource: Declared) -> None:
    athena = _backend(athena_backends, resource)
    athena.delete_work_group(resource.name)
    given = resource.properties
    athena.create_work_group(
        resource.name, given.get("WorkGroupConfiguration", {}), given.get("Description", ""), given.get("Tags", [])
    )


def _drop_work_group(resource: Declared) -> None:
    _backend(athena_backends, resource).delete_work_group(resource.name)


def _put_named_query(resource: Declared) -> None:
    given = resource.properties
    resource.physical_resource_id = _backend(athena_backends, resource).create_named_query(
        name=given.get("Name", resource.name),
        description=given.get("Description", ""),
        database=given["Database"],
        query_string=given["QueryString"],
        workgroup=given.get("WorkGroup", "primary"),
    )


def _drop_named_query(resource: Declared) -> None:
    del _backend(athena_backends, resource).named_queries[resource.physical_resource_id]


def _put_topic_policy(resource: Declared) -> None:
    for arn in resource.properties["Topics"]:
        _backend(sns_backends, resource).get_topic(arn).policy = json.dumps(resource.properties["PolicyDocument"])


def _drop_topic_policy(resource: Declared) -> None:
    sns = _backend(sns_backends, resource)
    for topic in (sns.topics[arn] for arn in resource.properties["Topics"] if arn in sns.topics):
        topic._policy_json = topic._create_default_topic_policy(sns.region_name, sns.account_id, topic.name)


def _put_schedule(resource: Declared) -> None:
    scheduler = _backend(scheduler_backends, resource)
    given = resource.properties
    wanted = {
        "description": given.get("Description"),
        "end_date": given.get("EndDate"),
        "flexible_time_window": given["FlexibleTimeWindow"],
        "group_name": given.get("GroupName", "default"),
        "kms_key_arn": given.get("KmsKeyArn"),
        "name": resource.name,
        "schedule_expression": given["ScheduleExpression"],
        "schedule_expression_timezone": given.get("ScheduleExpressionTimezone"),
        "start_date": given.get("StartDate"),
        "state": given.get("State", "ENABLED"),
        "target": given["Target"],
    }
    if resource.name in scheduler.schedule_groups[wanted["group_name"]].schedules:
        schedule = scheduler.update_schedule(**wanted)
    else:
        schedule = scheduler.create_schedule(**wanted, action_after_completion=None)
    resource.arn = schedule.arn


def _drop_schedule(resource: Declared) -> None:
    group = resource.properties.get("GroupName", "default")
    _backend(scheduler_backends, resource).delete_schedule(group, resource.name)


def _put_oidc_provider(resource: Declared) -> None:
    iam = iam_backends[resource.account_id][resource.partition]
    given = resource.properties
    iam.delete_open_id_connect_provider(resource.physical_resource_id)
    made = iam.create_open_id_connect_provider(
        given["Url"], given.get("ThumbprintList", []), given.get("ClientIdList", []), given.get("Tags", [])
    )
    resource.physical_resource_id = resource.arn = made.arn


def _drop_oidc_provider(resource: Declared) -> None:
    iam_backends[resource.account_id][resource.partition].delete_open_id_connect_provider(resource.physical_resource_id)


SERVED.update(
    {
        "AWS::Glue::Database": (_put_database, _drop_database),
        "AWS::Glue::Table": (_put_table, _drop_table),
        "AWS::Glue::Connection": (_put_connection, _drop_connection),
        "AWS::CloudWatch::Alarm": (_put_alarm, _drop_alarm),
        "AWS::Athena::WorkGroup": (_put_work_group, _drop_work_group),
        "AWS::Athena::NamedQuery": (_put_named_query, _drop_named_query),
        "AWS::SNS::TopicPolicy": (_put_topic_policy, _drop_topic_policy),
        "AWS::Scheduler::Schedule": (_put_schedule, _drop_schedule),
        "AWS::IAM::OIDCProvider": (_put_oidc_provider, _drop_oidc_provider),
    }
)
