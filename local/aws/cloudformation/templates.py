"""CloudFormation templates as data: read from YAML or JSON, in which order their resources are made."""

from collections.abc import Iterator
from typing import Any

from moto.cloudformation.exceptions import ValidationError

from infra import intrinsics


def parse(text: str) -> dict[str, Any]:
    """The template as a dictionary. Raises ValidationError when it is none."""
    try:
        return intrinsics.parse(text)
    except intrinsics.TemplateError as error:
        raise ValidationError(message=str(error)) from error


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
    yield from intrinsics.references(definition.get("Properties", {}))
