"""Resource types that moto's CloudFormation lacks: made, changed and deleted, as their services tell it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from tests.local.aws.conftest import Stack

NAME = "declared-of-the-tests"
TABLE = {
    "Name": "people",
    "TableType": "EXTERNAL_TABLE",
    "StorageDescriptor": {"Location": "s3://b/people/", "Columns": [{"Name": "who", "Type": "string"}]},
}
ALLOW = {
    "Effect": "Allow",
    "Principal": {"Service": "cloudwatch.amazonaws.com"},
    "Action": "sns:Publish",
    "Resource": "*",
}


def template(word: str) -> str:
    """Every type, with `word` in a property of each that changes in place; NamedQuery is replaced."""
    topic = {"Ref": "Topic"}
    resources: dict[str, Any] = {
        "Database": ("AWS::Glue::Database", {"DatabaseInput": {"Name": "declared", "Description": word}}),
        "Table": (
            "AWS::Glue::Table",
            {"DatabaseName": {"Ref": "Database"}, "TableInput": {**TABLE, "Description": word}},
        ),
        "Connection": (
            "AWS::Glue::Connection",
            {"ConnectionInput": {"Name": "declared", "ConnectionType": "NETWORK", "Description": word}},
        ),
        "Group": (
            "AWS::Athena::WorkGroup",
            {"Name": "declared", "WorkGroupConfiguration": {"BytesScannedCutoffPerQuery": 10**7}, "Description": word},
        ),
        "Query": (
            "AWS::Athena::NamedQuery",
            {
                "Database": {"Ref": "Database"},
                "WorkGroup": {"Ref": "Group"},
                "Name": "q",
                "QueryString": f"select '{word}'",
            },
        ),
        "Alarm": (
            "AWS::CloudWatch::Alarm",
            {
                "AlarmName": "declared",
                "AlarmDescription": word,
                "Namespace": "N",
                "MetricName": "M",
                "Statistic": "Sum",
                "Period": 3600,
                "EvaluationPeriods": 26,
                "Threshold": 1,
                "ComparisonOperator": "LessThanThreshold",
                "TreatMissingData": "breaching",
                "AlarmActions": [topic],
            },
        ),
        "Topic": ("AWS::SNS::Topic", {"TopicName": "declared", "DisplayName": word}),
        "TopicPolicy": (
            "AWS::SNS::TopicPolicy",
            {"Topics": [topic], "PolicyDocument": {"Version": "2012-10-17", "Id": word, "Statement": [ALLOW]}},
        ),
        "Schedule": (
            "AWS::Scheduler::Schedule",
            {
                "Name": "declared",
                "Description": word,
                "ScheduleExpression": "cron(30 3 * * ? *)",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {
                    "Arn": "arn:aws:scheduler:::aws-sdk:glue:startWorkflowRun",
                    "RoleArn": "arn:aws:iam::1:role/r",
                },
            },
        ),
        "Provider": ("AWS::IAM::OIDCProvider", {"Url": "https://token.example.com", "ClientIdList": [word]}),
        "Key": ("AWS::KMS::Key", {"Description": word, "KeyPolicy": {"Version": "2012-10-17", "Statement": [ALLOW]}}),
        "Budget": ("AWS::Budgets::Budget", {"Budget": {"BudgetType": "COST", "TimeUnit": "MONTHLY"}}),
    }
    outputs = {
        "Schedule": {"Value": {"Fn::GetAtt": ["Schedule", "Arn"]}},
        "Alarm": {"Value": {"Fn::GetAtt": ["Alarm", "Arn"]}},
        "Topic": {"Value": {"Fn::GetAtt": ["Topic", "TopicArn"]}},
    }
    made = {name: {"Type": kind, "Properties": given} for name, (kind, given) in resources.items()}
    return yaml.safe_dump({"Resources": made, "Outputs": outputs})


def told(stack: Stack, made: dict[str, str]) -> dict[str, Any]:
    """The word as each service tells it."""
    glue, athena, sns = stack.client("glue"), stack.client("athena"), stack.client("sns")
    attributes = sns.get_topic_attributes(TopicArn=made["Topic"])["Attributes"]
    (alarm,) = stack.client("cloudwatch").describe_alarms(AlarmNames=["declared"])["MetricAlarms"]
    provider = stack.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=made["Provider"])
    query = athena.get_named_query(NamedQueryId=made["Query"])["NamedQuery"]["QueryString"]
    return {
        "Database": glue.get_database(Name="declared")["Database"]["Description"],
        "Table": glue.get_table(DatabaseName="declared", Name="people")["Table"]["Description"],
        "Connection": glue.get_connection(Name="declared")["Connection"]["Description"],
        "Group": athena.get_work_group(WorkGroup="declared")["WorkGroup"]["Description"],
        "Query": query.removeprefix("select '").removesuffix("'"),
        "Alarm": alarm["AlarmDescription"],
        "Topic": attributes["DisplayName"],
        "TopicPolicy": json.loads(attributes["Policy"])["Id"],
        "Schedule": stack.client("scheduler").get_schedule(Name="declared")["Description"],
        "Provider": provider["ClientIDList"][0],
        "Key": stack.client("kms").describe_key(KeyId=made["Key"])["KeyMetadata"]["Description"],
    }


def test_every_type_is_made_changed_in_place_and_deleted(stack: Stack) -> None:
    formation = stack.client("cloudformation")

    def resources() -> dict[str, str]:
        found = formation.describe_stack_resources(StackName=NAME)["StackResources"]
        return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in found}

    formation.create_stack(StackName=NAME, TemplateBody=template("first"), Capabilities=["CAPABILITY_IAM"])
    (described,) = formation.describe_stacks(StackName=NAME)["Stacks"]
    assert described["StackStatus"] == "CREATE_COMPLETE", formation.describe_stack_events(StackName=NAME)
    made = resources()
    words = told(stack, made)
    assert words == dict.fromkeys(words, "first")
    outputs = {item["OutputKey"]: item["OutputValue"] for item in described["Outputs"]}
    assert outputs["Alarm"] == "arn:aws:cloudwatch:us-east-1:123456789012:alarm:declared"
    assert outputs["Schedule"] == "arn:aws:scheduler:us-east-1:123456789012:schedule/default/declared"
    assert outputs["Topic"] == made["Topic"]
    stack.client("sns").subscribe(TopicArn=made["Topic"], Protocol="email", Endpoint="a@example.com")
    formation.update_stack(StackName=NAME, TemplateBody=template("second"), Capabilities=["CAPABILITY_IAM"])
    changed = resources()
    assert {name for name in made if made[name] != changed[name]} == {"Query"}
    assert told(stack, changed) == dict.fromkeys(words, "second")
    assert stack.client("sns").list_subscriptions_by_topic(TopicArn=made["Topic"])["Subscriptions"]
    formation.delete_stack(StackName=NAME)
    glue = stack.client("glue")
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_database(Name="declared")
    assert stack.client("cloudwatch").describe_alarms(AlarmNames=["declared"])["MetricAlarms"] == []
