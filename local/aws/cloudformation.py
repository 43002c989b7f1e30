"""Resource types that moto's CloudFormation lacks or keeps to itself: Glue jobs, buckets, bucket policies.

moto finds its types among the direct subclasses of CloudFormationModel; of two classes for one type, the one defined
later counts, so importing this module is all it takes.
"""

import json
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.glue.exceptions import AlreadyExistsException, InvalidInputException
from moto.glue.models import GlueBackend, glue_backends
from moto.iam.models import iam_backends
from moto.s3.models import FakeBucket, s3_backends
from moto.utilities.utils import get_partition

from local.aws.glue import Backend


class GlueJob(CloudFormationModel):
    """AWS::Glue::Job, made in the Glue backend."""

    def __init__(self, name: str):
        self.name = name

    @property
    def physical_resource_id(self) -> str:
        """What Ref gives: the job's name."""
        return self.name

    @staticmethod
    def cloudformation_name_type() -> str:
        """The property that names it."""
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        """The type this class stands for."""
        return "AWS::Glue::Job"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:  # noqa: ARG003 - moto's signature
        """Fn::GetAtt knows nothing of a job."""
        return False

    def is_created(self) -> bool:
        """At once."""
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> "GlueJob":
        """Create the job. Raises as Glue does when the name is taken or the role cannot be assumed."""
        if resource_name in glue_backends[account_id][region_name].jobs:
            raise AlreadyExistsException(f"Job {resource_name}")
        _put_job(glue_backends[account_id][region_name], resource_name, cloudformation_json["Properties"])
        return cls(resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "GlueJob",
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> "GlueJob":
        """Replace the job's definition; its runs stay."""
        backend = glue_backends[account_id][region_name]
        if original_resource.name != new_resource_name:
            backend.delete_job(original_resource.name)
        _put_job(backend, new_resource_name, cloudformation_json["Properties"])
        return cls(new_resource_name)

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,  # noqa: ARG003
        account_id: str,
        region_name: str,
    ) -> None:
        """Delete the job."""
        glue_backends[account_id][region_name].delete_job(resource_name)


def _put_job(backend: GlueBackend, name: str, given: dict[str, Any]) -> None:
    roles = iam_backends[backend.account_id][backend.partition].roles.values()
    if given["Role"] not in [known for role in roles for known in (role.arn, role.name)]:
        said = f"Role {given['Role']} should be given assume role permissions for Glue Service."
        raise InvalidInputException("CreateJob", said)
    backend.create_job(
        name=name,
        role=given["Role"],
        command=given["Command"],
        description=given.get("Description", ""),
        log_uri=given.get("LogUri", ""),
        execution_property=given.get("ExecutionProperty") or {"MaxConcurrentRuns": 1},
        default_arguments={key: str(value) for key, value in given.get("DefaultArguments", {}).items()},
        non_overridable_arguments=given.get("NonOverridableArguments", {}),
        connections=given.get("Connections", {}),
        max_retries=int(given.get("MaxRetries", 0)),
        allocated_capacity=int(given.get("AllocatedCapacity", 0)),
        timeout=int(given.get("Timeout", 0)),
        max_capacity=float(given.get("MaxCapacity", 0)),
        security_configuration=given.get("SecurityConfiguration", ""),
        tags=given.get("Tags", {}),
        notification_property=given.get("NotificationProperty", {}),
        glue_version=str(given.get("GlueVersion", "")),
        number_of_workers=int(given.get("NumberOfWorkers", 0)),
        worker_type=given.get("WorkerType", ""),
        code_gen_configuration_nodes={},
        execution_class=given.get("ExecutionClass", "STANDARD"),
        source_control_details={},
    )


class Bucket(CloudFormationModel):
    """AWS::S3::Bucket: moto's, and the folder that S3 serves."""

    @staticmethod
    def cloudformation_name_type() -> str:
        """The property that names it."""
        return "BucketName"

    @staticmethod
    def cloudformation_type() -> str:
        """The type this class stands for."""
        return "AWS::S3::Bucket"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """As moto's."""
        return FakeBucket.has_cfn_attr(attr)

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> FakeBucket:
        """Create bucket and folder; a folder that is there already is kept with what lies in it."""
        bucket = FakeBucket.create_from_cloudformation_json(resource_name, cloudformation_json, account_id, region_name)
        (Backend.settings.root / resource_name).mkdir(parents=True, exist_ok=True)
        return bucket

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: FakeBucket,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> FakeBucket:
        """As moto's, with the folder of a bucket of another name."""
        bucket = FakeBucket.update_from_cloudformation_json(
            original_resource, new_resource_name, cloudformation_json, account_id, region_name
        )
        (Backend.settings.root / bucket.name).mkdir(parents=True, exist_ok=True)
        return bucket

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        """Delete both; OSError when there is something in the folder, as S3 refuses a bucket with objects."""
        (Backend.settings.root / resource_name).rmdir()
        FakeBucket.delete_from_cloudformation_json(resource_name, cloudformation_json, account_id, region_name)


class BucketPolicy(CloudFormationModel):
    """AWS::S3::BucketPolicy, kept on moto's bucket."""

    def __init__(self, bucket: str):
        self.physical_resource_id = bucket

    @staticmethod
    def cloudformation_name_type() -> str:
        """It has no name."""
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        """The type this class stands for."""
        return "AWS::S3::BucketPolicy"

    def is_created(self) -> bool:
        """At once."""
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,  # noqa: ARG003
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> "BucketPolicy":
        """Put the policy."""
        given = cloudformation_json["Properties"]
        backend = s3_backends[account_id][get_partition(region_name)]
        backend.put_bucket_policy(given["Bucket"], json.dumps(given["PolicyDocument"]).encode())
        return cls(given["Bucket"])

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "BucketPolicy",
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> "BucketPolicy":
        """Put the new policy, and take the old one away when the bucket is another."""
        policy = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        if policy.physical_resource_id != original_resource.physical_resource_id:
            cls.delete_from_cloudformation_json(
                original_resource.physical_resource_id, cloudformation_json, account_id, region_name
            )
        return policy

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,  # noqa: ARG003
        account_id: str,
        region_name: str,
    ) -> None:
        """Take the policy away."""
        s3_backends[account_id][get_partition(region_name)].delete_bucket_policy(resource_name)
