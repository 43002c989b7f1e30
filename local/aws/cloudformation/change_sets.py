"""Change sets: what a deployment would do, told before it does it."""

from typing import Any

from moto.cloudformation.utils import generate_changeset_id
from moto.core.utils import utcnow

from local.aws.cloudformation import resource_schemas, templates
from local.aws.cloudformation.outputs import evaluated
from local.aws.cloudformation.stacks import Stack
from local.aws.cloudformation.steps import Step, walk

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


class NotYetKnown:
    """Stands for a resource that will be made: whatever refers to it changes with it."""

    physical_resource_id = "{{changeSet:KNOWN_AFTER_APPLY}}"

    def get_cfn_attribute(self, attribute: str) -> str:  # noqa: ARG002 - moto's signature
        """As little known as the rest."""
        return self.physical_resource_id


class ChangeSet:
    """A change set of a stack; FAILED with CloudFormation's own reason when there is nothing to change.

    Raises ValidationError on what CloudFormation refuses at once.
    """

    def __init__(self, stack: Stack, name: str, kind: str, text: str, parameters: dict[str, str], description: str):
        self.stack, self.name, self.kind = stack, name, kind
        self.text, self.parameters, self.description = text, parameters, description
        self.id = generate_changeset_id(name, stack.region_name, stack.account_id)
        self.created = utcnow()
        self.changes, same_outputs = self._compare()
        self.status, self.execution_status, self.reason = "CREATE_COMPLETE", "AVAILABLE", ""
        if kind == "UPDATE" and not self.changes and same_outputs:
            self.status, self.execution_status, self.reason = "FAILED", "UNAVAILABLE", NO_CHANGES

    def _compare(self) -> tuple[list[dict[str, Any]], bool]:
        template = templates.parse(self.text)
        resources = self.stack.resources_for(template, self.parameters)
        changes = []
        for step in walk(template, resources, self.stack.live):
            changes.append(_told(step))
            if not step.before or step.replaces:
                resources.put(step.name, NotYetKnown())
        outputs = evaluated(template, resources)
        return changes, outputs == self.stack.outputs

    def execute(self, *, retain_except_on_create: bool = False) -> None:
        """Carry it out. It is used up then."""
        self.execution_status = "EXECUTE_IN_PROGRESS"
        self.stack.retains_new = not retain_except_on_create
        self.stack.deploy(self.text, self.parameters, self.kind)
        self.execution_status = "EXECUTE_COMPLETE"

    def as_dict(self) -> dict[str, Any]:
        """What DescribeChangeSet tells."""
        return {
            **self.summary(),
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value} for name, value in sorted(self.parameters.items())
            ],
            "Changes": self.changes,
        }

    def summary(self) -> dict[str, Any]:
        """What ListChangeSets tells."""
        return {
            "ChangeSetName": self.name,
            "ChangeSetId": self.id,
            "StackId": self.stack.stack_id,
            "StackName": self.stack.name,
            "Description": self.description,
            "CreationTime": self.created,
            "Status": self.status,
            "ExecutionStatus": self.execution_status,
            "StatusReason": self.reason or None,
        }


def _told(step: Step) -> dict[str, Any]:
    action = "Add" if not step.before else "Modify" if step.after else "Remove"
    change: dict[str, Any] = {
        "Action": action,
        "LogicalResourceId": step.name,
        "ResourceType": step.type,
        "Scope": [],
        "Details": [],
    }
    if step.before:
        change["PhysicalResourceId"] = step.before.id
    if step.before and step.after:
        old, new = step.before.properties, step.after["Properties"]
        fixed = resource_schemas.forces_replacement(step.type, old, new)
        change["Replacement"] = "True" if fixed else "False"
        change["Scope"] = ["Properties"] if old != new else ["DeletionPolicy"]
        change["Details"] = [
            {
                "Target": {
                    "Attribute": "Properties",
                    "Name": name,
                    "RequiresRecreation": "Always" if name in fixed else "Never",
                },
                "Evaluation": "Static",
                "ChangeSource": "DirectModification",
            }
            for name in resource_schemas.changed(old, new)
        ]
    return {"Type": "Resource", "ResourceChange": change}
