"""Types of moto's that change in place in AWS, and that moto would delete and make anew, or not change at all.

A topic made anew has lost its subscriptions and its policy, a security group or key its id, a role what trusts it.
Importing this module changes moto's classes.
"""

import json
from collections.abc import Callable
from typing import Any

from moto.core.utils import camelcase_to_underscores
from moto.ec2.models.security_groups import SecurityGroup
from moto.iam.models import ManagedPolicy, Role, iam_backends
from moto.kms.models import Key
from moto.logs.models import LogGroup
from moto.sns.models import Topic

Change = Callable[[Any, dict[str, Any]], None]
"""Brings one of moto's resources to the properties that a template gives it."""


def _in_place(model: Any, change: Change) -> None:
    """Let CloudFormation change a resource of this type by `change`."""

    def update(
        cls: Any,  # noqa: ARG001 - as moto calls it
        original_resource: Any,
        new_resource_name: str,  # noqa: ARG001
        cloudformation_json: Any,
        account_id: str,  # noqa: ARG001
        region_name: str,  # noqa: ARG001
    ) -> Any:
        change(original_resource, cloudformation_json["Properties"])
        return original_resource

    model.update_from_cloudformation_json = classmethod(update)


def _completed(model: Any, complete: Change) -> None:
    """Let `complete` add to what moto makes of this type when it is new."""
    make = model.create_from_cloudformation_json

    def create(cls: Any, resource_name: str, cloudformation_json: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG001
        made = make(resource_name, cloudformation_json, *args, **kwargs)
        complete(made, cloudformation_json["Properties"])
        return made

    model.create_from_cloudformation_json = classmethod(create)


def _change_topic(topic: Topic, given: dict[str, Any]) -> None:
    for name, unset in (("DisplayName", ""), ("KmsMasterKeyId", "")):
        setattr(topic, camelcase_to_underscores(name), given.get(name, unset))


def _put_key_policy(key: Key, given: dict[str, Any]) -> None:
    key.policy = json.dumps(given["KeyPolicy"])  # as text, which moto's own API wants


def _change_key(key: Key, given: dict[str, Any]) -> None:
    _put_key_policy(key, given)
    key.description = given.get("Description", "")
    key.key_rotation_status = given.get("EnableKeyRotation", False)
    key.enabled = given.get("Enabled", True)


def _put_key_of_logs(group: LogGroup, given: dict[str, Any]) -> None:
    group.kms_key_id = given.get("KmsKeyId")


def _change_log_group(group: LogGroup, given: dict[str, Any]) -> None:
    _put_key_of_logs(group, given)
    group.set_retention_policy(given.get("RetentionInDays"))


def _change_managed_policy(policy: ManagedPolicy, given: dict[str, Any]) -> None:
    """Make the new document the policy's default version, the only one kept."""
    document = json.dumps(given["PolicyDocument"])
    policy.versions = [policy.backend.create_policy_version(policy.arn, document, set_as_default=True)]


def _put_policies(role: Role, given: dict[str, Any]) -> None:
    """Put trust, boundary, policies and managed policies. Raises NotFoundException when there is none of an ARN."""
    iam = iam_backends[role.account_id][role.partition]
    role.assume_role_policy_document = json.dumps(given["AssumeRolePolicyDocument"])
    role.permissions_boundary_arn = given.get("PermissionsBoundary")
    documents = {policy["PolicyName"]: policy["PolicyDocument"] for policy in given.get("Policies", [])}
    for name in set(role.policies) - set(documents):
        role.delete_policy(name)
    for name, document in documents.items():
        role.put_policy(name, document)
    arns = set(given.get("ManagedPolicyArns", []))
    for arn in set(role.managed_policies) - arns:
        iam.detach_role_policy(arn, role.name)
    for arn in arns - set(role.managed_policies):
        iam.attach_role_policy(arn, role.name)


def _change_role(role: Role, given: dict[str, Any]) -> None:
    _put_policies(role, given)
    role.description = given.get("Description", "")
    role.max_session_duration = given.get("MaxSessionDuration", 3600)


def _delete_role(role: Role, account_id: str, region_name: str) -> None:
    iam = iam_backends[role.account_id][role.partition]
    for arn in list(role.managed_policies):
        iam.detach_role_policy(arn, role.name)
    Role.delete_from_cloudformation_json(role.name, {}, account_id, region_name)


def _delete_managed_policy(policy: ManagedPolicy, account_id: str, region_name: str) -> None:  # noqa: ARG001
    policy.backend.delete_policy(policy.arn)


_completed(Key, _put_key_policy)
_completed(LogGroup, _put_key_of_logs)
_completed(Role, _put_policies)
_in_place(Topic, _change_topic)
_in_place(Key, _change_key)
_in_place(LogGroup, _change_log_group)
_in_place(ManagedPolicy, _change_managed_policy)
_in_place(Role, _change_role)
_in_place(SecurityGroup, lambda group, given: None)  # noqa: ARG005 - nothing here asks for its rules
Role.delete = _delete_role  # type: ignore[attr-defined]
ManagedPolicy.delete = _delete_managed_policy  # type: ignore[attr-defined]


def _topic_attribute(topic: Topic, name: str) -> str:
    return topic.arn if name == "TopicArn" else topic.name


Topic.has_cfn_attr = classmethod(lambda cls, name: name in ("TopicArn", "TopicName"))  # type: ignore[assignment, method-assign] # noqa: ARG005
Topic.get_cfn_attribute = _topic_attribute  # type: ignore[assignment, method-assign]
