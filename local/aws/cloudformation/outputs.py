"""Outputs of a stack, and the names under which they are exported to others."""

from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.parsing import Export

from local.aws.cloudformation.steps import Resources


def evaluated(template: dict[str, Any], resources: Resources) -> list[dict[str, Any]]:
    """The outputs that a template has with these resources, as DescribeStacks tells them."""
    found = []
    for name, defined in (template.get("Outputs") or {}).items():
        if resources.resolver.holds(defined.get("Condition")):
            output = resources.resolver.resolve(defined)
            found.append(
                {
                    "OutputKey": name,
                    "OutputValue": str(output["Value"]),
                    "Description": output.get("Description"),
                    "ExportName": output.get("Export", {}).get("Name"),
                }
            )
    return found


def claim(exports: dict[str, Export], stack_id: str, outputs: list[dict[str, Any]]) -> None:
    """Take the names of a stack's exports, which are unique in a region, and give back those no longer used.

    Raises ValidationError when another stack has one.
    """
    wanted = {output["ExportName"]: output["OutputValue"] for output in outputs if output["ExportName"]}
    for name in wanted:
        if name in exports and exports[name].exporting_stack_id != stack_id:
            owner = exports[name].exporting_stack_id.split("/")[1]
            raise ValidationError(message=f"Export with name {name} is already exported by stack {owner}.")
    for name in [name for name, export in exports.items() if export.exporting_stack_id == stack_id]:
        del exports[name]
    exports.update({name: Export(stack_id, name, value) for name, value in wanted.items()})
