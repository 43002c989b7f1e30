"""What a template with its parameters asks for: resources with their physical ids, outputs, every function resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID

from infra.intrinsics import Resolver, parameter_values, parse
from local.s3_emulator import REGION

ACCOUNT = DEFAULT_ACCOUNT_ID
# ARNs of another form than arn:aws:<service>:<region>:<account>:<kind>/<name>.
_ARNS = {
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SNS::Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:{{name}}",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{{name}}",
    "AWS::IAM::ManagedPolicy": f"arn:aws:iam::{ACCOUNT}:policy/{{name}}",
}
_REF_IS_ARN = ("AWS::SNS::Topic", "AWS::IAM::ManagedPolicy")


@dataclass(frozen=True)
class Resource:
    """A resource of a template. `id` is its physical id."""

    type: str
    id: str
    properties: Mapping[str, Any]
    is_retained: bool


@dataclass(frozen=True)
class Desired:
    """What a template with its parameters asks for."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, Resource] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)


def desired(text: str, given: Mapping[str, str], stack_name: str) -> Desired:
    """Resolve a template for a stack.

    :raises TemplateError: when the template cannot be read or resolved, or a parameter has no value
    """
    template = parse(text)
    parameters = parameter_values(template, given)
    resources: dict[str, dict[str, Any]] = template["Resources"]

    def name_of(logical: str) -> str:
        kind, properties = resources[logical]["Type"].split("::")[-1], resources[logical].get("Properties", {})
        for key in (f"{kind}Name", "Name"):
            if key in properties:
                return str(resolver.resolve(properties[key]))
        return f"{stack_name}-{logical}"

    def arn_of(logical: str) -> str:
        kind = resources[logical]["Type"]
        service, resource_type = kind.lower().split("::")[1:]
        usual = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource_type}/{{name}}"
        return _ARNS.get(kind, usual).format(name=name_of(logical))

    def ref(logical: str) -> str:
        return arn_of(logical) if resources[logical]["Type"] in _REF_IS_ARN else name_of(logical)

    def attribute(logical: str, name: str) -> str:
        return arn_of(logical) if name.endswith("Arn") else f"{name_of(logical)}.{name}"

    pseudo = {
        "AWS::AccountId": ACCOUNT,
        "AWS::Region": REGION,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
    }
    resolver = Resolver(template, {**parameters, **pseudo, "AWS::StackName": stack_name}, ref, attribute)
    outputs = {name: one for name, one in template.get("Outputs", {}).items() if resolver.holds(one.get("Condition"))}
    return Desired(
        parameters={name: str(value) for name, value in parameters.items()},
        resources={
            name: Resource(
                one["Type"],
                ref(name),
                resolver.resolve(one.get("Properties", {})),
                one.get("DeletionPolicy") == "Retain",
            )
            for name, one in resources.items()
            if resolver.holds(one.get("Condition"))
        },
        outputs={name: str(resolver.resolve(one["Value"])) for name, one in outputs.items()},
    )
