"""Stacks and change sets as CloudFormation keeps them: updates, failures and the way back, exports, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.local.aws.conftest import Stack

Declared = dict[str, Any]
TRUST: Declared = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ROLE: Declared = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
GROUP: Declared = {
    "Type": "AWS::Logs::LogGroup",
    "Properties": {"LogGroupName": {"Fn::Sub": "${AWS::StackName}-${Suffix}"}},
}
PARAMETERS = {
    "Suffix": {"Type": "String", "Default": "a", "AllowedPattern": "[a-z]+"},
    "Days": {"Type": "Number", "Default": 7, "MinValue": 1},
    "Loud": {"Type": "String", "Default": "false", "AllowedValues": ["true", "false"]},
}
CONDITIONS = {"IsLoud": {"Fn::Equals": [{"Ref": "Loud"}, "true"]}, "IsQuiet": {"Fn::Not": [{"Condition": "IsLoud"}]}}


def job(script: Any, role: Any = None) -> Declared:
    role = role or {"Fn::GetAtt": ["Role", "Arn"]}
    return {
        "Type": "AWS::Glue::Job",
        "Properties": {
            "Name": {"Ref": "AWS::StackName"},
            "Role": role,
            "Command": {"Name": "glueetl", "ScriptLocation": script},
        },
    }


def template(resources: Declared, **sections: Any) -> str:
    return yaml.safe_dump({"Parameters": PARAMETERS, "Conditions": CONDITIONS, "Resources": resources, **sections})


class Formation:
    """CloudFormation for one test: stacks are deleted in the end."""

    def __init__(self, stack: Stack) -> None:
        self.api = stack.client("cloudformation")
        self.made: list[str] = []

    def create(self, name: str, body: str, **parameters: str) -> str:
        self.made.append(name)
        self.api.create_stack(StackName=name, **self._given(body, parameters))
        return self.status(name)

    def update(self, name: str, body: str, **parameters: str) -> str:
        self.api.update_stack(StackName=name, **self._given(body, parameters))
        return self.status(name)

    def change_set(self, name: str, body: str, kind: str = "UPDATE", **parameters: str) -> Declared:
        self.made.append(name)
        given = self._given(body, parameters)
        made = self.api.create_change_set(StackName=name, ChangeSetName="changes", ChangeSetType=kind, **given)
        return dict(self.api.describe_change_set(ChangeSetName=made["Id"]))

    def execute(self, name: str) -> str:
        self.api.execute_change_set(StackName=name, ChangeSetName="changes")
        return self.status(name)

    def status(self, name: str) -> str:
        return str(self.describe(name)["StackStatus"])

    def describe(self, name: str) -> Declared:
        return dict(self.api.describe_stacks(StackName=name)["Stacks"][0])

    def events(self, name: str) -> list[tuple[str, str, str]]:
        found = self.api.describe_stack_events(StackName=name)["StackEvents"]
        return [
            (event["LogicalResourceId"], event["ResourceStatus"], event.get("ResourceStatusReason", ""))
            for event in reversed(found)
        ]

    def resources(self, name: str) -> dict[str, str]:
        found = self.api.describe_stack_resources(StackName=name)["StackResources"]
        return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in found}

    @staticmethod
    def _given(body: str, parameters: dict[str, str]) -> Declared:
        listed = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        return {"TemplateBody": body, "Parameters": listed, "Capabilities": ["CAPABILITY_IAM"]}


@pytest.fixture
def formation(stack: Stack) -> Iterator[Formation]:
    made = Formation(stack)
    yield made
    for name in reversed(made.made):
        made.api.delete_stack(StackName=name)


def test_an_update_follows_parameters_through_conditions_and_other_resources(
    formation: Formation, stack: Stack
) -> None:
    group = {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {
            "LogGroupName": {"Fn::Sub": "${AWS::StackName}-${Suffix}"},
            "RetentionInDays": {"Fn::If": ["IsLoud", 30, {"Ref": "AWS::NoValue"}]},
        },
    }
    follower = job({"Fn::Sub": "s3://b/${Group}/job.py"})
    only_loud = {"Type": "AWS::SNS::Topic", "Condition": "IsLoud"}
    body = template({"Follower": follower, "Role": ROLE, "Group": group, "Topic": only_loud})
    assert formation.create("follow", body) == "CREATE_COMPLETE"
    assert set(formation.resources("follow")) == {"Follower", "Role", "Group"}
    assert formation.update("follow", body, Loud="true", Suffix="b") == "UPDATE_COMPLETE"
    made = formation.resources("follow")
    assert set(made) == {"Follower", "Role", "Group", "Topic"}
    command = stack.client("glue").get_job(JobName="follow")["Job"]["Command"]
    assert command["ScriptLocation"] == "s3://b/follow-b/job.py"
    (described,) = stack.client("logs").describe_log_groups(logGroupNamePrefix="follow-")["logGroups"]
    assert (described["logGroupName"], described["retentionInDays"]) == ("follow-b", 30)
    assert formation.update("follow", body, Suffix="b") == "UPDATE_COMPLETE"
    assert set(formation.resources("follow")) == {"Follower", "Role", "Group"}
    topics = stack.client("sns").list_topics()["Topics"]
    assert made["Topic"] not in [topic["TopicArn"] for topic in topics]


def test_s3_serves_a_bucket_once_its_stack_is_complete(formation: Formation, stack: Stack) -> None:
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {"BucketName": {"Fn::Sub": "${AWS::StackName}-bucket-${Suffix}"}},
    }
    stack.client("s3").list_buckets()  # from now on, S3 knows which there are
    assert formation.create("served", template({"Bucket": bucket})) == "CREATE_COMPLETE"
    stack.client("s3").head_bucket(Bucket="served-bucket-a")
    assert formation.update("served", template({"Bucket": bucket}), Suffix="b") == "UPDATE_COMPLETE"
    stack.client("s3").head_bucket(Bucket="served-bucket-b")


def test_a_resource_that_fails_takes_the_new_stack_down(formation: Formation, stack: Stack) -> None:
    nobody = "arn:aws:iam::123456789012:role/nobody"
    body = template({"Group": GROUP, "Job": {**job("s3://b/x.py", nobody), "DependsOn": "Group"}})
    assert formation.create("fails", body) == "ROLLBACK_COMPLETE"
    events = formation.events("fails")
    told = [(name, status) for name, status, _ in events]
    assert told[-5:] == [
        ("Job", "CREATE_FAILED"),
        ("fails", "ROLLBACK_IN_PROGRESS"),
        ("Group", "DELETE_IN_PROGRESS"),
        ("Group", "DELETE_COMPLETE"),
        ("fails", "ROLLBACK_COMPLETE"),
    ]
    assert f"Role {nobody} should be given assume role permissions" in events[-5][2]
    assert "[Job]" in events[-4][2]
    assert stack.client("logs").describe_log_groups(logGroupNamePrefix="fails-")["logGroups"] == []
    with pytest.raises(ClientError, match="ROLLBACK_COMPLETE state and can not be updated"):
        formation.update("fails", body)
    with pytest.raises(ClientError, match=r"\[fails\] already exists"):
        formation.create("fails", body)


def test_a_failed_update_puts_everything_back(formation: Formation, stack: Stack) -> None:
    before = template({"Role": ROLE, "Job": job("s3://b/old.py"), "Group": GROUP})
    assert formation.create("back", before) == "CREATE_COMPLETE"
    made = formation.resources("back")
    broken = {**job("s3://b/y.py", "nobody"), "DependsOn": ["Job", "Group"]}
    broken["Properties"]["Name"] = "back-2"
    after = template({"Role": ROLE, "Job": job("s3://b/new.py"), "Group": GROUP, "Broken": broken})
    assert formation.update("back", after, Suffix="b") == "UPDATE_ROLLBACK_COMPLETE"
    assert formation.resources("back") == made
    assert stack.client("glue").get_job(JobName="back")["Job"]["Command"]["ScriptLocation"] == "s3://b/old.py"
    groups = stack.client("logs").describe_log_groups(logGroupNamePrefix="back-")["logGroups"]
    assert [group["logGroupName"] for group in groups] == ["back-a"]
    assert {"ParameterKey": "Suffix", "ParameterValue": "a"} in formation.describe("back")["Parameters"]


def test_one_export_belongs_to_one_stack(formation: Formation) -> None:
    outputs = {"Out": {"Value": {"Ref": "Group"}, "Export": {"Name": "the-scheduler"}}}
    body = template({"Group": GROUP}, Outputs=outputs)
    assert formation.create("first", body) == "CREATE_COMPLETE"
    assert formation.describe("first")["Outputs"][0]["ExportName"] == "the-scheduler"
    assert formation.create("second", body) == "ROLLBACK_COMPLETE"
    reasons = [reason for _, status, reason in formation.events("second") if status == "ROLLBACK_IN_PROGRESS"]
    assert reasons == ["Export with name the-scheduler is already exported by stack first. Rollback requested by user."]
    formation.api.delete_stack(StackName="second")
    formation.api.delete_stack(StackName="first")
    assert formation.create("second", body) == "CREATE_COMPLETE"


def test_a_change_set_tells_and_does(formation: Formation, stack: Stack) -> None:
    body = template(
        {"Role": ROLE, "Job": job({"Fn::Sub": "s3://b/${Suffix}/job.py"}), "Group": GROUP},
        Outputs={"Name": {"Value": {"Ref": "Group"}}},
    )
    created = formation.change_set("sets", body, "CREATE")
    assert [item["ResourceChange"]["Action"] for item in created["Changes"]] == ["Add"] * 3
    assert formation.status("sets") == "REVIEW_IN_PROGRESS"
    assert formation.execute("sets") == "CREATE_COMPLETE"
    formation.api.delete_change_set(StackName="sets", ChangeSetName="changes")
    same = formation.change_set("sets", body, Suffix="a")
    assert (same["Status"], same["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "didn't contain changes" in same["StatusReason"]
    formation.api.delete_change_set(StackName="sets", ChangeSetName="changes")
    told = formation.change_set("sets", body, Suffix="b")
    changes = {item["ResourceChange"]["LogicalResourceId"]: item["ResourceChange"] for item in told["Changes"]}
    assert {name: change["Replacement"] for name, change in changes.items()} == {"Job": "False", "Group": "True"}
    assert changes["Job"]["Details"][0]["Target"]["Name"] == "Command"
    assert stack.client("glue").get_job(JobName="sets")["Job"]["Command"]["ScriptLocation"] == "s3://b/a/job.py"
    assert formation.execute("sets") == "UPDATE_COMPLETE"
    assert stack.client("glue").get_job(JobName="sets")["Job"]["Command"]["ScriptLocation"] == "s3://b/b/job.py"
    assert formation.describe("sets")["Outputs"][0]["OutputValue"] == "sets-b"
    with pytest.raises(ClientError, match="cannot be executed"):
        formation.execute("sets")


@pytest.mark.parametrize(
    ("change", "parameters", "said"),
    [
        ({}, {"Suffix": "UPPER"}, "Parameter 'Suffix' must match pattern"),
        ({}, {"Days": "0"}, "Parameter 'Days' must be a number not less than 1"),
        ({}, {"Loud": "maybe"}, "Parameter 'Loud' must be one of AllowedValues"),
        ({}, {"Nobody": "x"}, r"Parameters: \[Nobody\] do not exist in the template"),
        ({"X": {"Type": "AWS::Glue::Jop"}}, {}, r"Unrecognized resource types: \[AWS::Glue::Jop\]"),
        ({"X": {**GROUP, "Properties": {"LogGroupName": {"Ref": "Y"}}}}, {}, r"Unresolved resource dependencies \[Y\]"),
    ],
)
def test_what_is_refused_leaves_no_stack(
    formation: Formation, change: Declared, parameters: dict[str, str], said: str
) -> None:
    with pytest.raises(ClientError, match=said):
        formation.create("refused", template({"Group": GROUP, **change}), **parameters)
    with pytest.raises(ClientError, match="does not exist"):
        formation.status("refused")


def test_rules_are_asserted(formation: Formation) -> None:
    rules = {
        "LoudNeedsDays": {
            "RuleCondition": {"Fn::Equals": [{"Ref": "Loud"}, "true"]},
            "Assertions": [
                {"Assert": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Days"}, 7]}]}, "AssertDescription": "Set Days, too."}
            ],
        }
    }
    body = template({"Group": GROUP}, Rules=rules)
    with pytest.raises(ClientError, match="Set Days, too"):
        formation.create("ruled", body, Loud="true")
    assert formation.create("ruled", body, Loud="true", Days="8") == "CREATE_COMPLETE"


def test_iam_needs_the_callers_word(formation: Formation) -> None:
    with pytest.raises(ClientError, match=r"Requires capabilities : \[CAPABILITY_IAM\]"):
        formation.api.create_stack(StackName="silent", TemplateBody=template({"Role": ROLE}))


def test_a_template_comes_from_a_bucket_when_it_is_named_so(formation: Formation, stack: Stack) -> None:
    bucket = "engagement-artifacts-123456789012"
    stack.client("s3").put_object(Bucket=bucket, Key="t/x.yaml", Body=template({"Group": GROUP}).encode())
    formation.made.append("by-url")
    url = f"https://{bucket}.s3.us-east-1.amazonaws.com/t/x.yaml"
    formation.api.create_stack(StackName="by-url", TemplateURL=url)
    assert formation.status("by-url") == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="does not exist"):
        formation.api.create_stack(StackName="by-url-2", TemplateURL=url.replace("x.yaml", "y.yaml"))
    with pytest.raises(ClientError, match="less than or equal to 51200"):
        formation.create("large", template({"Group": GROUP}) + "#" * 51200)


def test_a_protected_stack_is_not_deleted(formation: Formation) -> None:
    formation.create("protected", template({"Group": GROUP}))
    protect: Callable[..., Any] = formation.api.update_termination_protection
    protect(StackName="protected", EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        formation.api.delete_stack(StackName="protected")
    protect(StackName="protected", EnableTerminationProtection=False)
    formation.api.delete_stack(StackName="protected")
    with pytest.raises(ClientError, match="does not exist"):
        formation.status("protected")


def test_a_stack_policy_refuses_what_it_denies(formation: Formation) -> None:
    body = template({"Group": GROUP, "Other": ROLE})
    formation.create("policed", body)
    allow = {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"}
    deny = {
        **allow,
        "Effect": "Deny",
        "Action": ["Update:Replace", "Update:Delete"],
        "Resource": "LogicalResourceId/Gr*",
    }
    policy = json.dumps({"Statement": [allow, deny]})
    formation.api.set_stack_policy(StackName="policed", StackPolicyBody=policy)
    assert formation.api.get_stack_policy(StackName="policed")["StackPolicyBody"] == policy
    assert formation.update("policed", body, Suffix="b") == "UPDATE_ROLLBACK_COMPLETE"
    (reason,) = [reason for _, status, reason in formation.events("policed") if status == "UPDATE_FAILED"]
    assert "Statement [#2] does not allow [Update:Replace] for resource [LogicalResourceId/Group]" in reason
    kept = {"Type": GROUP["Type"], "Properties": {**GROUP["Properties"], "RetentionInDays": 7}}
    assert formation.update("policed", template({"Group": kept})) == "UPDATE_COMPLETE"
    assert formation.update("policed", template({"Other": ROLE})) == "UPDATE_ROLLBACK_COMPLETE"
    assert set(formation.resources("policed")) == {"Group"}


def test_roles_have_their_managed_policies_and_lose_them_again(formation: Formation, stack: Stack) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    policy = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}}
    with_policy = {"Type": ROLE["Type"], "Properties": {**ROLE["Properties"], "ManagedPolicyArns": [{"Ref": "Policy"}]}}
    assert formation.create("roles", template({"Role": with_policy, "Policy": policy})) == "CREATE_COMPLETE"
    made = formation.resources("roles")

    def attached() -> list[str]:
        found = stack.client("iam").list_attached_role_policies(RoleName=made["Role"])["AttachedPolicies"]
        return [item["PolicyArn"] for item in found]

    assert attached() == [made["Policy"]]
    trust = {**TRUST, "Statement": [{**TRUST["Statement"][0], "Principal": {"Service": "airflow.amazonaws.com"}}]}
    without = {"Type": ROLE["Type"], "Properties": {"AssumeRolePolicyDocument": trust}}
    assert formation.update("roles", template({"Role": without, "Policy": policy})) == "UPDATE_COMPLETE"
    assert attached() == []
    role = stack.client("iam").get_role(RoleName=made["Role"])["Role"]
    assert role["AssumeRolePolicyDocument"] == trust
    assert formation.update("roles", template({"Role": with_policy, "Policy": policy})) == "UPDATE_COMPLETE"
    formation.api.delete_stack(StackName="roles")
    with pytest.raises(ClientError, match="does not exist"):
        formation.status("roles")
