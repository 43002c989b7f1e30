"""The repository's template through the CloudFormation API: what is there afterwards, and updates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from local.aws.cloudformation.templates import parse
from tests.local.aws.conftest import TEMPLATE

if TYPE_CHECKING:
    from tests.local.aws.conftest import Stack

SCORE = "engagement-score-users"
PUSH = "engagement-push-scores"


@pytest.fixture
def put_back(stack: Stack) -> Iterator[None]:
    yield
    _update(stack, ArtifactsPrefix="jobs/current", LogRetentionDays="30", NumberOfWorkers="2")


def test_the_template_deploys(stack: Stack) -> None:
    deployed = stack.client("cloudformation").describe_stacks(StackName="engagement")["Stacks"][0]
    assert deployed["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    outputs = {item["OutputKey"]: item["OutputValue"] for item in deployed["Outputs"]}
    assert outputs["ScoreJobName"] == SCORE
    assert outputs["PushJobName"] == PUSH
    assert outputs["OutputBucketName"] == "engagement-output-123456789012"
    assert outputs["NotificationTopicArn"] == "arn:aws:sns:us-east-1:123456789012:engagement-notifications"
    assert outputs["OrchestratorPolicyArn"].startswith("arn:aws:iam::123456789012:policy/")


def test_every_resource_of_the_template_came_into_being(stack: Stack) -> None:
    resources = stack.client("cloudformation").describe_stack_resources(StackName="engagement")["StackResources"]
    made = {item["LogicalResourceId"]: item["ResourceType"] for item in resources}
    declared = parse(TEMPLATE.read_text())["Resources"]
    always = {name: item["Type"] for name, item in declared.items() if "Condition" not in item}
    assert len(always) > 15
    assert always.items() <= made.items() <= {name: item["Type"] for name, item in declared.items()}.items()


def test_buckets_are_folders_that_s3_serves(stack: Stack) -> None:
    served = {bucket["Name"] for bucket in stack.client("s3").list_buckets()["Buckets"]}
    wanted = {f"engagement-{name}-123456789012" for name in ("activity", "output", "artifacts")}
    assert served == wanted
    assert {path.name for path in stack.root.iterdir()} == wanted


def test_jobs_are_as_declared(stack: Stack) -> None:
    job = stack.client("glue").get_job(JobName=PUSH)["Job"]
    assert job["Command"] == {
        "Name": "glueetl",
        "PythonVersion": "3",
        "ScriptLocation": "s3://engagement-artifacts-123456789012/jobs/current/push_scores.py",
    }
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert (job["MaxRetries"], job["Timeout"], job["NumberOfWorkers"]) == (0, 180, 2)
    assert (job["GlueVersion"], job["WorkerType"]) == ("5.1", "G.1X")
    assert job["Role"].startswith("arn:aws:iam::123456789012:role/")


@pytest.mark.usefixtures("put_back")
def test_an_update_reaches_jobs_roles_policies_and_logs(stack: Stack) -> None:
    _update(stack, ArtifactsPrefix="jobs/next", LogRetentionDays="7", NumberOfWorkers="5")
    job = stack.client("glue").get_job(JobName=PUSH)["Job"]
    assert job["Command"]["ScriptLocation"].endswith("/jobs/next/push_scores.py")
    assert job["NumberOfWorkers"] == 5
    role = job["Role"].rpartition("/")[2]
    policy = stack.client("iam").get_role_policy(RoleName=role, PolicyName="push-scores")["PolicyDocument"]
    assert "jobs/next/*" in json.dumps(policy)
    groups = stack.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws-glue/jobs/{PUSH}/")["logGroups"]
    assert [group["retentionInDays"] for group in groups] == [7, 7]


@pytest.mark.usefixtures("put_back")
def test_runs_outlive_an_update(stack: Stack) -> None:
    run_id = stack.client("glue").start_job_run(JobName=SCORE, Arguments={"--behaviour": "return"})["JobRunId"]
    stack.wait(SCORE, run_id)
    _update(stack, NumberOfWorkers="3")
    assert stack.run(SCORE, run_id)["NumberOfWorkers"] == 2


def test_bucket_policies_are_in_place(stack: Stack) -> None:
    resources = stack.client("cloudformation").describe_stack_resources(StackName="engagement")["StackResources"]
    policies = [item["PhysicalResourceId"] for item in resources if item["ResourceType"] == "AWS::S3::BucketPolicy"]
    assert sorted(policies) == [f"engagement-{name}-123456789012" for name in ("activity", "artifacts", "output")]


def test_the_other_services_answer(stack: Stack) -> None:
    secrets = stack.client("secretsmanager")
    secrets.create_secret(Name="engagement/crm-of-this-test", SecretString="a token")
    assert secrets.get_secret_value(SecretId="engagement/crm-of-this-test")["SecretString"] == "a token"
    assert stack.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert stack.client("sns").create_topic(Name="t")["TopicArn"].endswith(":t")


def _update(stack: Stack, **values: str) -> dict[str, Any]:
    client = stack.client("cloudformation")
    current = client.describe_stacks(StackName="engagement")["Stacks"][0]["Parameters"]
    given = {item["ParameterKey"]: item["ParameterValue"] for item in current} | values
    client.update_stack(
        StackName="engagement",
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    updated = dict(client.describe_stacks(StackName="engagement")["Stacks"][0])
    assert updated["StackStatus"] == "UPDATE_COMPLETE"
    return updated
