"""Declared resources that moto's services answer for, so that their own APIs show what a template made.

Each is put by the same function when it is new and when it has changed. Those of Glue are in `served_glue`.
"""

import json

from moto.athena.models import athena_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.scheduler.models import scheduler_backends
from moto.sns.models import sns_backends

from local.aws.cloudformation.declared import SERVED, Declared


def _put_alarm(resource: Declared) -> None:
    given = resource.properties
    alarm = resource.of(cloudwatch_backends).put_metric_alarm(
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
    resource.of(cloudwatch_backends).delete_alarms([resource.name])


def _put_work_group(resource: Declared) -> None:
    athena = resource.of(athena_backends)
    athena.delete_work_group(resource.name)
    given = resource.properties
    athena.create_work_group(
        resource.name, given.get("WorkGroupConfiguration", {}), given.get("Description", ""), given.get("Tags", [])
    )


def _drop_work_group(resource: Declared) -> None:
    resource.of(athena_backends).delete_work_group(resource.name)


def _put_named_query(resource: Declared) -> None:
    given = resource.properties
    resource.physical_resource_id = resource.of(athena_backends).create_named_query(
        name=given.get("Name", resource.name),
        description=given.get("Description", ""),
        database=given["Database"],
        query_string=given["QueryString"],
        workgroup=given.get("WorkGroup", "primary"),
    )


def _drop_named_query(resource: Declared) -> None:
    del resource.of(athena_backends).named_queries[resource.physical_resource_id]


def _put_topic_policy(resource: Declared) -> None:
    for arn in resource.properties["Topics"]:
        resource.of(sns_backends).get_topic(arn).policy = json.dumps(resource.properties["PolicyDocument"])


def _drop_topic_policy(resource: Declared) -> None:
    sns = resource.of(sns_backends)
    for topic in (sns.topics[arn] for arn in resource.properties["Topics"] if arn in sns.topics):
        topic._policy_json = topic._create_default_topic_policy(sns.region_name, sns.account_id, topic.name)


def _put_schedule(resource: Declared) -> None:
    scheduler = resource.of(scheduler_backends)
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
    resource.of(scheduler_backends).delete_schedule(group, resource.name)


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


def _put_bucket_policy(resource: Declared) -> None:
    document = json.dumps(resource.properties["PolicyDocument"]).encode()
    s3_backends[resource.account_id][resource.partition].put_bucket_policy(resource.name, document)


def _drop_bucket_policy(resource: Declared) -> None:
    s3_backends[resource.account_id][resource.partition].delete_bucket_policy(resource.name)


SERVED.update(
    {
        "AWS::CloudWatch::Alarm": (_put_alarm, _drop_alarm),
        "AWS::Athena::WorkGroup": (_put_work_group, _drop_work_group),
        "AWS::Athena::NamedQuery": (_put_named_query, _drop_named_query),
        "AWS::SNS::TopicPolicy": (_put_topic_policy, _drop_topic_policy),
        "AWS::Scheduler::Schedule": (_put_schedule, _drop_schedule),
        "AWS::S3::BucketPolicy": (_put_bucket_policy, _drop_bucket_policy),
        "AWS::IAM::OIDCProvider": (_put_oidc_provider, _drop_oidc_provider),
    }
)
