"""Stacks of the CloudFormation emulator: deployments, rollbacks and change sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.aws_emulator.cloudformation.desired_state import DesiredState, resolve_template
from local.aws_emulator.cloudformation.emulated_stack import NO_CHANGES, ChangeSet, EmulatedStack
from local.aws_emulator.cloudformation.resources import Services

TEMPLATE = """
Parameters:
  Name: {Type: String}
  Days: {Type: Number, Default: 7}
  Loud: {Type: String, Default: "false"}
Conditions:
  IsLoud: !Equals [!Ref Loud, "true"]
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    Properties: {BucketName: !Sub "${Name}-${AWS::AccountId}"}
  Role: {Type: AWS::IAM::Role}
  Job:
    Type: AWS::Glue::Job
    Properties: {Name: score, Role: !GetAtt Role.Arn, Command: {ScriptLocation: !Sub "s3://${Bucket}/x.py"}}
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: logs, RetentionInDays: !Ref Days}
  Topic: {Type: AWS::SNS::Topic, Condition: IsLoud, Properties: {TopicName: topic}}
Outputs:
  Bucket: {Value: !GetAtt Bucket.Arn}
  Job: {Value: !Ref Job}
"""


@dataclass
class Recorded(Services):
    """Services that record their calls and fail for one resource."""

    s3_url: str = ""
    aws_url: str = ""
    failing: str = ""
    calls: list[tuple[str, ...]] = field(default_factory=list)

    def put(self, kind: str, name: str, properties: Mapping[str, Any], *, is_new: bool) -> None:  # noqa: ARG002
        self.calls.append(("create" if is_new else "update", kind.rpartition("::")[2], name))
        if name == self.failing:
            raise RuntimeError("taken")

    def remove(self, kind: str, name: str) -> None:
        self.calls.append(("remove", kind.rpartition("::")[2], name))


def desired(**parameters: str) -> DesiredState:
    return resolve_template(TEMPLATE, {"Name": "data", **parameters}, "stack")


@pytest.fixture
def stack() -> EmulatedStack:
    """A stack with the template deployed."""
    stack = EmulatedStack("stack", "arn:stack")
    stack.deploy(desired(), Recorded())
    assert stack.status == "CREATE_COMPLETE"
    return stack


def failure(stack: EmulatedStack) -> tuple[str, str, str]:
    (event,) = [one for one in stack.events if one["ResourceStatus"].endswith("_FAILED")]
    return event["LogicalResourceId"], event["ResourceStatus"], event["ResourceStatusReason"]


def test_a_template_becomes_resources_with_ids_and_outputs() -> None:
    state = desired()
    assert state.resources["Job"].properties == {
        "Name": "score",
        "Role": "arn:aws:iam::123456789012:role/stack-Role",
        "Command": {"ScriptLocation": "s3://data-123456789012/x.py"},
    }
    assert state.outputs == {"Bucket": "arn:aws:s3:::data-123456789012", "Job": "score"}
    assert state.parameters == {"Name": "data", "Days": "7", "Loud": "false"}
    assert "Topic" not in state.resources
    assert desired(Loud="true").resources["Topic"].id == "arn:aws:sns:us-east-1:123456789012:topic"


def test_an_update_puts_changed_and_removes_missing_resources(stack: EmulatedStack) -> None:
    stack.deploy(desired(Loud="true"), Recorded())
    services = Recorded()
    stack.deploy(desired(Days="30"), services)
    assert services.calls == [
        ("update", "LogGroup", "logs"),
        ("remove", "Topic", desired(Loud="true").resources["Topic"].id),
    ]
    assert stack.status == "UPDATE_COMPLETE"
    assert {"ParameterKey": "Days", "ParameterValue": "30"} in stack.describe()["Parameters"]


def test_a_failed_creation_is_rolled_back() -> None:
    stack, services = EmulatedStack("stack", "arn:stack"), Recorded(failing="logs")
    stack.deploy(desired(), services)
    assert stack.status == "ROLLBACK_COMPLETE"
    assert [call for call in services.calls if call[0] == "remove"] == [
        ("remove", "Job", "score"),
        ("remove", "Role", "stack-Role"),
        ("remove", "Bucket", "data-123456789012"),
    ]
    assert failure(stack) == ("Logs", "CREATE_FAILED", "taken")


def test_a_failed_update_restores_the_old_state(stack: EmulatedStack) -> None:
    services = Recorded(failing="logs")
    before = stack.describe()
    stack.deploy(desired(Name="other", Days="30"), services)
    assert stack.describe() == {**before, "StackStatus": "UPDATE_ROLLBACK_COMPLETE"}
    assert services.calls == [
        ("create", "Bucket", "other-123456789012"),
        ("update", "Job", "score"),
        ("update", "LogGroup", "logs"),
        ("update", "Job", "score"),
        ("remove", "Bucket", "other-123456789012"),
    ]
    assert failure(stack) == ("Logs", "UPDATE_FAILED", "taken")


def test_deleting_a_stack_keeps_retained_resources(stack: EmulatedStack) -> None:
    services, forgotten = Recorded(), []
    stack.delete(services, lambda: forgotten.append(stack.name))
    assert [name for _, name, _ in services.calls] == ["LogGroup", "Job", "Role"]
    assert forgotten == ["stack"]


def test_a_change_set_lists_actions_and_replacements(stack: EmulatedStack) -> None:
    description = ChangeSet("id", "name", stack, desired(Name="other", Loud="true")).describe()
    changes = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in description["Changes"]}
    assert description["Status"] == "CREATE_COMPLETE"
    assert {name: (one["Action"], one.get("Replacement")) for name, one in changes.items()} == {
        "Bucket": ("Modify", "True"),
        "Job": ("Modify", "False"),
        "Topic": ("Add", None),
    }


def test_a_change_set_without_changes_has_failed(stack: EmulatedStack) -> None:
    description = ChangeSet("id", "name", stack, desired()).describe()
    assert (description["Status"], description["StatusReason"], description["Changes"]) == ("FAILED", NO_CHANGES, [])
