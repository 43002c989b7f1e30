"""Stack updates that moto would drop: changed parameters inside Fn::Sub, log groups, policies of roles.

Without this, an update that moves the jobs to a new artifacts prefix would leave the old jobs in place.
"""

import json
import re
from typing import Any

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.iam.models import ManagedPolicy, Role, iam_backends
from moto.logs.models import LogGroup
from moto.utilities.utils import get_partition

_SUBSTITUTED = re.compile(r"\$\{([^!.}][^.}]*)\}")


def references(template: Any) -> list[str]:
    """Names that a piece of a template refers to, by Ref or in Fn::Sub."""
    if isinstance(template, list):
        return [name for item in template for name in references(item)]
    if not isinstance(template, dict):
        return []
    found = [name for value in template.values() for name in references(value)]
    if isinstance(template.get("Ref"), str):
        found.append(template["Ref"])
    if "Fn::Sub" in template:
        text = template["Fn::Sub"]
        found += _SUBSTITUTED.findall(text if isinstance(text, str) else text[0])
    return found


parsing.get_references_from_template = references


class UpdatableLogGroup(CloudFormationModel):
    """AWS::Logs::LogGroup whose retention can change."""

    @staticmethod
    def cloudformation_name_type() -> str:
        """The property that names it."""
        return LogGroup.cloudformation_name_type()

    @staticmethod
    def cloudformation_type() -> str:
        """The type this class stands for."""
        return LogGroup.cloudformation_type()

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """As moto's."""
        return LogGroup.has_cfn_attr(attr)

    @classmethod
    def create_from_cloudformation_json(cls, *args: Any, **kwargs: Any) -> LogGroup:
        """As moto's."""
        return LogGroup.create_from_cloudformation_json(*args, **kwargs)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: LogGroup,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> LogGroup:
        """Set the retention, or replace a group of another name."""
        if original_resource.name == new_resource_name:
            original_resource.set_retention_policy(cloudformation_json["Properties"].get("RetentionInDays"))
            return original_resource
        made = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        original_resource.delete(account_id, region_name)
        return made


class UpdatableManagedPolicy(CloudFormationModel):
    """AWS::IAM::ManagedPolicy whose document can change."""

    @staticmethod
    def cloudformation_name_type() -> str:
        """As moto's."""
        return ManagedPolicy.cloudformation_name_type()

    @staticmethod
    def cloudformation_type() -> str:
        """The type this class stands for."""
        return ManagedPolicy.cloudformation_type()

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:  # noqa: ARG003 - moto's signature
        """Only Ref is known, which gives the ARN."""
        return False

    @classmethod
    def create_from_cloudformation_json(cls, *args: Any, **kwargs: Any) -> ManagedPolicy:
        """As moto's."""
        return ManagedPolicy.create_from_cloudformation_json(*args, **kwargs)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: ManagedPolicy,
        new_resource_name: str,  # noqa: ARG003
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> ManagedPolicy:
        """Make the new document the policy's default version, the only one kept."""
        backend = iam_backends[account_id][get_partition(region_name)]
        document = json.dumps(cloudformation_json["Properties"]["PolicyDocument"])
        newest = backend.create_policy_version(original_resource.arn, document, set_as_default=True)
        original_resource.versions = [newest]
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,  # noqa: ARG003
        account_id: str,
        region_name: str,
    ) -> None:
        """Delete the policy by its ARN."""
        iam_backends[account_id][get_partition(region_name)].delete_policy(resource_name)


class UpdatableRole(CloudFormationModel):
    """AWS::IAM::Role whose inline policies can change."""

    @staticmethod
    def cloudformation_name_type() -> str:
        """The property that names it."""
        return Role.cloudformation_name_type()

    @staticmethod
    def cloudformation_type() -> str:
        """The type this class stands for."""
        return Role.cloudformation_type()

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """As moto's."""
        return Role.has_cfn_attr(attr)

    @classmethod
    def create_from_cloudformation_json(cls, *args: Any, **kwargs: Any) -> Role:
        """As moto's."""
        return Role.create_from_cloudformation_json(*args, **kwargs)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Role,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Role:
        """As moto's, and put the inline policies as they are now."""
        role = Role.update_from_cloudformation_json(
            original_resource, new_resource_name, cloudformation_json, account_id, region_name
        )
        wanted = {p["PolicyName"]: p["PolicyDocument"] for p in cloudformation_json["Properties"].get("Policies", [])}
        for name in set(role.policies) - set(wanted):
            role.delete_policy(name)
        for name, document in wanted.items():
            role.put_policy(name, document)
        return role

    @classmethod
    def delete_from_cloudformation_json(cls, *args: Any, **kwargs: Any) -> None:
        """As moto's."""
        Role.delete_from_cloudformation_json(*args, **kwargs)
