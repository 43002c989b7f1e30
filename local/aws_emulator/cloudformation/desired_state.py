"""The state that a template describes: resources with physical ids, and outputs, with all functions resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID

from infra.intrinsics import Resolver, parameter_values, parse
from local.s3_emulator import REGION

ACCOUNT = DEFAULT_ACCOUNT_ID
# ARNs that differ from arn:aws:<service>:<region>:<account>:<kind>/<name>.
_ARNS = {
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SNS::Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:{{name}}",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{{name}}",
    "AWS::IAM::ManagedPolicy": f"arn:aws:iam::{ACCOUNT}:policy/{{name}}",
}
_REF_IS_ARN = ("AWS::SNS::Topic", "AWS::IAM::ManagedPolicy")
_PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}


@dataclass(frozen=True)
class Resource:
    """A resource of a template.

    :param id: physical id
    :param is_retained: whether it outlives its stack
    """

    type: str
    id: str
    properties: Mapping[str, Any]
    is_retained: bool


@dataclass(frozen=True)
class DesiredState:
    """The parameters, resources and outputs of a template, by name."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, Resource] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)


class _Names:
    """The physical ids and ARNs of a template's resources, by logical id."""

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, Any], stack_name: str) -> None:
        self._resources: dict[str, dict[str, Any]] = template["Resources"]
        self._stack_name = stack_name
        values = {**parameters, **_PSEUDO_PARAMETERS, "AWS::StackName": stack_name}
        self.resolver = Resolver(template, values, self.ref, self._attribute)

    def ref(self, logical_id: str) -> str:
        if self._resources[logical_id]["Type"] in _REF_IS_ARN:
            return self._arn(logical_id)
        return self._name(logical_id)

    def _attribute(self, logical_id: str, name: str) -> str:
        return self._arn(logical_id) if name.endswith("Arn") else f"{self._name(logical_id)}.{name}"

    def _name(self, logical_id: str) -> str:
        resource = self._resources[logical_id]
        properties = resource.get("Properties", {})
        kind = resource["Type"].split("::")[-1]
        for key in (f"{kind}Name", "Name"):
            if key in properties:
                return str(self.resolver.resolve(properties[key]))
        return f"{self._stack_name}-{logical_id}"

    def _arn(self, logical_id: str) -> str:
        kind = self._resources[logical_id]["Type"]
        service, resource_type = kind.lower().split("::")[1:]
        usual = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource_type}/{{name}}"
        return _ARNS.get(kind, usual).format(name=self._name(logical_id))


def resolve_template(text: str, parameters: Mapping[str, str], stack_name: str) -> DesiredState:
    """Resolve a template for a stack.

    :param text: the template, in YAML
    :raises TemplateError: when the template cannot be read or resolved, or a parameter has no value
    """
    template = parse(text)
    values = parameter_values(template, parameters)
    names = _Names(template, values, stack_name)
    resolver = names.resolver
    outputs = {name: one for name, one in template.get("Outputs", {}).items() if resolver.holds(one.get("Condition"))}
    return DesiredState(
        parameters={name: str(value) for name, value in values.items()},
        resources={
            name: Resource(
                one["Type"],
                names.ref(name),
                resolver.resolve(one.get("Properties", {})),
                one.get("DeletionPolicy") == "Retain",
            )
            for name, one in template["Resources"].items()
            if resolver.holds(one.get("Condition"))
        },
        outputs={name: str(resolver.resolve(one["Value"])) for name, one in outputs.items()},
    )
