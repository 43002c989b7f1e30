"""CloudFormation templates as data: read from YAML or JSON, what refers to what, in which order things are made."""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from moto.cloudformation.exceptions import ValidationError

_SUBSTITUTED = re.compile(r"\$\{([^!.}][^.}]*)(?:\.[^}]*)?\}")
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """YAML with the short forms of intrinsic functions; dates stay text, as in CloudFormation."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's way
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 - there is no fourth kind
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def parse(text: str) -> dict[str, Any]:
    """The template as a dictionary. Raises ValidationError when it is none."""
    try:
        found = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ValidationError(message=f"Template format error: YAML not well-formed. ({error})") from error
    if not isinstance(found, dict) or not isinstance(found.get("Resources"), dict):
        raise ValidationError(message="Template format error: At least one Resources member must be defined.")
    return found


def references(template: Any) -> list[str]:
    """Names that a piece of a template refers to: Ref, Fn::GetAtt and Fn::Sub."""
    if isinstance(template, list):
        return [name for item in template for name in references(item)]
    if not isinstance(template, dict):
        return []
    found = [name for value in template.values() for name in references(value)]
    if isinstance(template.get("Ref"), str):
        found.append(template["Ref"])
    if "Fn::GetAtt" in template:
        attribute = template["Fn::GetAtt"]
        found.append(attribute[0] if isinstance(attribute, list) else attribute.partition(".")[0])
    if "Fn::Sub" in template:
        text = template["Fn::Sub"]
        own = () if isinstance(text, str) else text[1]
        found += [name for name in _SUBSTITUTED.findall(text if isinstance(text, str) else text[0]) if name not in own]
    return found


def ordered(template: dict[str, Any]) -> list[str]:
    """Names of the resources, each after those that it refers to or depends on.

    Raises ValidationError, in CloudFormation's words, on a name that is nowhere defined and on a circle.
    """
    resources: dict[str, Any] = template["Resources"]
    known = {*resources, *template.get("Parameters", {})}
    done: list[str] = []
    under_way: list[str] = []

    def visit(name: str) -> None:
        if name in done:
            return
        if name in under_way:
            raise ValidationError(message=f"Circular dependency between resources: [{', '.join(under_way)}]")
        under_way.append(name)
        for other in _needs(resources[name]):
            if other in resources:
                visit(other)
            elif other not in known and not other.startswith("AWS::"):
                raise ValidationError(
                    message=f"Template format error: Unresolved resource dependencies [{other}] in the Resources "
                    "block of the template"
                )
        under_way.remove(name)
        done.append(name)

    for name in resources:
        visit(name)
    return done


def _needs(definition: dict[str, Any]) -> Iterator[str]:
    named = definition.get("DependsOn", [])
    yield from [named] if isinstance(named, str) else named
    yield from references(definition.get("Properties", {}))
