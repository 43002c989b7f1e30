"""AWS::S3::Bucket: moto's, with the folder that S3 serves.

moto finds its types among the direct subclasses of CloudFormationModel; of two classes for one type, the one defined
later counts, so importing this module is all it takes.
"""

import time
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.s3.models import FakeBucket

from local.aws.glue.backend import Backend
from local.s3 import SETTLE_SECONDS


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
        _make_folder(resource_name)
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
        _make_folder(bucket.name)
        return bucket

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        """Delete both; OSError when there is something in the folder, as S3 refuses a bucket with objects."""
        (Backend.settings.root / resource_name).rmdir()
        FakeBucket.delete_from_cloudformation_json(resource_name, cloudformation_json, account_id, region_name)


def _make_folder(name: str) -> None:
    folder = Backend.settings.root / name
    if not folder.is_dir():
        folder.mkdir(parents=True)
        time.sleep(2 * SETTLE_SECONDS)  # or the stack would be complete before S3 knows the bucket
