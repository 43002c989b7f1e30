"""What a deployment has to do to each resource, found by evaluating every definition and comparing it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError
from moto.cloudformation.parsing import LazyDict, ResourceMap

from infra.intrinsics import Resolver, TemplateError, parameter_values
from local.aws.cloudformation import resource_schemas, templates

_KEPT = ("Properties", "DeletionPolicy", "UpdateReplacePolicy")


@dataclass(frozen=True)
class Live:
    """A resource that is there: what it is, and its definition with every function evaluated."""

    resource: Any
    type: str
    definition: dict[str, Any]

    @property
    def id(self) -> str:
        """Its physical id; some of moto's resources have none."""
        return str(getattr(self.resource, "physical_resource_id", ""))

    @property
    def properties(self) -> dict[str, Any]:
        """Its properties."""
        found: dict[str, Any] = self.definition["Properties"]
        return found


@dataclass(frozen=True)
class Step:
    """What a deployment has to do to one resource: `before` is None when it is new, `after` None when it goes."""

    name: str
    type: str
    before: Live | None
    after: dict[str, Any] | None

    @property
    def replaces(self) -> bool:
        """Whether the resource cannot be changed in place."""
        if not self.before or not self.after:
            return False
        old, new = self.before.properties, self.after["Properties"]
        return bool(resource_schemas.forces_replacement(self.type, old, new))


class Resources(ResourceMap):
    """Parameters, conditions and what was made so far; asking for a resource never makes it."""

    def load(self) -> None:
        """Evaluate parameters and conditions. Raises ValidationError when that cannot be done."""
        declared = self._template.get("Parameters") or {}
        try:
            self.resolved_parameters = parameter_values(self._template, self.input_parameters)
            self.no_echo_parameter_keys = [name for name, one in declared.items() if one.get("NoEcho")]
            self.resolver = Resolver(
                self._template, {**self._parsed_resources, **self.resolved_parameters}, self._ref, self._attribute
            )
            conditions = {name: self.resolver.holds(name) for name in self._template.get("Conditions") or {}}
        except TemplateError as error:
            raise ValidationError(message=str(error)) from error
        self.lazy_condition_map = LazyDict(conditions)
        self.validate_outputs()

    def _ref(self, name: str) -> Any:
        return getattr(self[name], "physical_resource_id", None)

    def _attribute(self, name: str, attribute: str) -> Any:
        try:
            return self[name].get_cfn_attribute(attribute)
        except (NotImplementedError, UnformattedGetAttTemplateException) as error:
            raise ValidationError(
                message=f"Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt"
            ) from error

    def __getitem__(self, key: str) -> Any:
        if key not in self._parsed_resources:
            raise KeyError(key)
        return self._parsed_resources[key]

    def put(self, name: str, resource: Any) -> None:
        """Let Ref and Fn::GetAtt of this name mean this resource."""
        self._parsed_resources[name] = resource


def walk(template: dict[str, Any], resources: Resources, live: dict[str, Live]) -> Iterator[Step]:
    """Steps from what is live to the template, dependencies first.

    Whoever takes a step puts its resource into `resources` before asking for the next one.
    """
    for name in templates.ordered(template):
        defined = template["Resources"][name]
        before = live.get(name)
        if "Condition" in defined and not resources.resolver.holds(defined["Condition"]):
            resources.put(name, None)
            continue
        if before:
            resources.put(name, before.resource)
        if before and before.type != defined["Type"]:
            raise ValidationError(
                message="Update of resource type is not permitted. The new template modifies resource type of the "
                f"following resources: [{name}]"
            )
        after = {"Properties": {}} | {key: resources.resolver.resolve(defined[key]) for key in _KEPT if key in defined}
        if not before or before.definition != after:
            yield Step(name, defined["Type"], before, after)
    gone = [name for name in live if resources.get(name) is None]
    for name in reversed(gone):
        yield Step(name, live[name].type, live[name], None)
