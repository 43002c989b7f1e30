"""Resource types that moto's CloudFormation lacks: kept as declared, and put into moto's service where that helps.

What a type's Ref and Fn::GetAtt give is read off AWS's own schemas; a type that AWS does not have is none here either.
"""

import uuid
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.utilities.utils import get_partition

from local.aws.cloudformation import resource_schemas

Put = Callable[["Declared"], None]
"""Brings a service to what a resource declares, and may set its physical id and ARN. Raises what the service says."""


class Declared(CloudFormationModel):
    """A resource as declared: `name`, `properties`, and where it is."""

    type: ClassVar[str] = "AWS::SERVICE::RESOURCE"
    name_property: ClassVar[str] = ""
    put: ClassVar[Put | None] = None
    drop: ClassVar[Put | None] = None
    is_new = True
    """Whether its service does not hold it yet."""

    def __init__(self, name: str, properties: dict[str, Any], account_id: str, region_name: str):
        self.name = name
        self.properties = properties
        self.account_id = account_id
        self.region_name = region_name
        self.partition = get_partition(region_name)
        service, kind = self.type.lower().split("::")[1:]
        self.arn = f"arn:{self.partition}:{service}:{region_name}:{account_id}:{kind}/{name}"  # the usual form
        self.physical_resource_id = name if self.name_property else str(uuid.uuid4())

    def of(self, backends: Any) -> Any:
        """moto's backend of a regional service, where this resource is."""
        return backends[self.account_id][self.region_name]

    @classmethod
    def cloudformation_name_type(cls) -> str:
        """The property that names it."""
        return cls.name_property

    @classmethod
    def cloudformation_type(cls) -> str:
        """The type this class stands for."""
        return cls.type

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """What the schema calls read-only."""
        return (*attr.split("."),) in resource_schemas.paths(cls.type, "readOnlyProperties")

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """The ARN or the physical id."""
        if not self.has_cfn_attr(attribute_name):
            raise NotImplementedError(f"Fn::GetAtt of {self.type}.{attribute_name}")
        return self.arn if attribute_name.endswith("Arn") else self.physical_resource_id

    def is_created(self) -> bool:
        """At once."""
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> "Declared":
        """Keep it, and put it into its service."""
        made = cls(resource_name, cloudformation_json["Properties"], account_id, region_name)
        if cls.put:
            cls.put(made)
        return made

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "Declared",
        new_resource_name: str,  # noqa: ARG003 - what changes in place keeps its name
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> "Declared":
        """Keep what is declared now under the same physical id, and bring the service to it."""
        made = cls(original_resource.name, cloudformation_json["Properties"], account_id, region_name)
        made.physical_resource_id = original_resource.physical_resource_id
        made.is_new = False
        if cls.put:
            cls.put(made)
        return made

    def delete(self, account_id: str, region_name: str) -> None:  # noqa: ARG002 - moto's signature
        """Take it out of its service."""
        cls = type(self)
        if cls.drop:
            cls.drop(self)


SERVED: dict[str, tuple[Put, Put]] = {}
"""How to put a type into moto's service, and how to take it out again; filled by `cloudformation.served`."""


@cache
def class_of(resource_type: str) -> type[CloudFormationModel] | None:
    """The class for a type: moto's or this package's own, else one that declares; None when AWS has no such type."""
    if resource_type in SERVED or resource_type not in parsing.get_model_map():
        return _declaring(resource_type)
    return parsing.get_model_map()[resource_type]


def _declaring(resource_type: str) -> type[Declared] | None:
    if resource_schemas.schema(resource_type) is None:
        return None
    read_only = resource_schemas.paths(resource_type, "readOnlyProperties")
    named = [path for path in resource_schemas.paths(resource_type, "primaryIdentifier") if path not in read_only]
    put, drop = SERVED.get(resource_type, (None, None))
    members = {
        "type": resource_type,
        "name_property": named[-1][0] if named else "",
        "put": put and staticmethod(put),
        "drop": drop and staticmethod(drop),
        "__module__": __name__,
    }
    return type("Declared" + resource_type.replace("::", ""), (Declared,), members)


parsing.resource_class_from_type = class_of  # type: ignore[assignment]
