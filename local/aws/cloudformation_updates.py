"""Updates of resources that moto would drop, or make by deleting and making anew what others hold on to."""

import json
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.iam.models import IAMBackend, ManagedPolicy, Role, iam_backends
from moto.logs.models import LogGroup
from moto.utilities.utils import get_partition


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
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> LogGroup:
        """As moto's, with the key."""
        made = LogGroup.create_from_cloudformation_json(
            resource_name, cloudformation_json, account_id, region_name, **kwargs
        )
        made.kms_key_id = cloudformation_json["Properties"].get("KmsKeyId")
        return made

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: LogGroup,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> LogGroup:
        """Set retention and key, or replace a group of another name."""
        if original_resource.name == new_resource_name:
            original_resource.kms_key_id = cloudformation_json["Properties"].get("KmsKeyId")
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
    """AWS::IAM::Role with its managed policies, which moto leaves out, and whose policies and trust can change."""

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
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> Role:
        """As moto's, with managed policies. Raises NotFoundException when there is none of a given ARN."""
        role = Role.create_from_cloudformation_json(
            resource_name, cloudformation_json, account_id, region_name, **kwargs
        )
        _put_role(role, cloudformation_json["Properties"], iam_backends[account_id][get_partition(region_name)])
        return role

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Role,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Role:
        """As moto's, and put trust, boundary and policies as they are now."""
        role = Role.update_from_cloudformation_json(
            original_resource, new_resource_name, cloudformation_json, account_id, region_name
        )
        _put_role(role, cloudformation_json["Properties"], iam_backends[account_id][get_partition(region_name)])
        return role

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        """As moto's, once its managed policies are detached."""
        iam = iam_backends[account_id][get_partition(region_name)]
        for arn in list(iam.get_role(resource_name).managed_policies):
            iam.detach_role_policy(arn, resource_name)
        Role.delete_from_cloudformation_json(resource_name, cloudformation_json, account_id, region_name)


def _put_role(role: Role, given: dict[str, Any], iam: IAMBackend) -> None:
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
