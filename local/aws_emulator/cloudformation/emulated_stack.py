"""Stacks and change sets. A deployment changes resource by resource, and rolls back if one fails."""

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.aws_emulator.cloudformation.desired_state import DesiredState, Resource
from local.aws_emulator.cloudformation.resources import Services

_RESPONSE_SECONDS = 2.0
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


@dataclass
class EmulatedStack:
    """A stack, its deployed state, and its events, oldest first."""

    name: str
    id: str
    status: str = "REVIEW_IN_PROGRESS"
    policy: str | None = None
    deployed: DesiredState = field(default_factory=DesiredState)
    events: list[dict[str, Any]] = field(default_factory=list)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    _busy: threading.Lock = field(default_factory=threading.Lock)

    def deploy(self, desired: DesiredState, services: Services) -> None:
        """Change the services to the desired state, in the background if it takes longer than a response may."""
        kind = "CREATE" if self.status == "REVIEW_IN_PROGRESS" else "UPDATE"
        self._in_background(f"{kind}_IN_PROGRESS", lambda: self._change(desired, services, kind))

    def delete(self, services: Services, forget: Callable[[], object]) -> None:
        """Delete every resource that is not retained, then call `forget`."""

        def work() -> None:
            for resource in reversed(list(self.deployed.resources.values())):
                if not resource.is_retained:
                    services.remove(resource.type, resource.id)
            forget()

        self._in_background("DELETE_IN_PROGRESS", work)

    def describe(self) -> dict[str, Any]:
        """Return the Stack structure of the API."""
        return {
            "StackName": self.name,
            "StackId": self.id,
            "StackStatus": self.status,
            "CreationTime": self.created,
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value} for name, value in self.deployed.parameters.items()
            ],
            "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in self.deployed.outputs.items()],
        }

    def _in_background(self, status: str, work: Callable[[], None]) -> None:
        def run() -> None:
            with self._busy:  # wait for the operation in progress
                self._record_status(status, "User Initiated")
                work()

        thread = threading.Thread(target=run, name=f"{self.name} {status}", daemon=True)
        thread.start()
        thread.join(_RESPONSE_SECONDS)

    def _change(self, desired: DesiredState, services: Services, kind: str) -> None:
        before = self.deployed.resources
        done: list[str] = []
        for name, resource in desired.resources.items():
            if before.get(name) == resource:
                continue
            verb = "UPDATE" if name in before else "CREATE"
            try:
                services.put(
                    resource.type, resource.id, resource.properties, is_new=not _is_same(before, name, resource)
                )
            except Exception as error:  # noqa: BLE001 - any failure of a service fails the deployment
                self._record_resource(name, resource, f"{verb}_FAILED", str(error))
                self._roll_back(done, desired, services, kind)
                return
            done.append(name)
            self._record_resource(name, resource, f"{verb}_COMPLETE")
        for name, resource in before.items():
            if not (name in desired.resources and _is_same(before, name, desired.resources[name])):
                services.remove(resource.type, resource.id)
        self.deployed = desired
        self._record_status(f"{kind}_COMPLETE")

    def _roll_back(self, done: list[str], desired: DesiredState, services: Services, kind: str) -> None:
        before = self.deployed.resources
        prefix = "UPDATE_ROLLBACK" if kind == "UPDATE" else "ROLLBACK"
        self._record_status(f"{prefix}_IN_PROGRESS", "Rollback requested by user.")
        for name in reversed(done):
            resource = desired.resources[name]
            if _is_same(before, name, resource):
                old = before[name]
                services.put(old.type, old.id, old.properties, is_new=False)
            else:
                services.remove(resource.type, resource.id)
        self._record_status(f"{prefix}_COMPLETE")

    def _record_resource(self, name: str, resource: Resource, status: str, reason: str | None = None) -> None:
        self._record_event(name, resource.type, resource.id, status, reason)

    def _record_status(self, status: str, reason: str | None = None) -> None:
        self.status = status
        self._record_event(self.name, "AWS::CloudFormation::Stack", self.id, status, reason)

    def _record_event(self, name: str, kind: str, physical_id: str, status: str, reason: str | None) -> None:
        self.events.append(
            {
                "StackId": self.id,
                "StackName": self.name,
                "EventId": str(uuid.uuid4()),
                "LogicalResourceId": name,
                "PhysicalResourceId": physical_id,
                "ResourceType": kind,
                "Timestamp": datetime.now(UTC),
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
            }
        )


@dataclass(frozen=True)
class ChangeSet:
    """The changes that a deployment would make to a stack."""

    id: str
    name: str
    stack: EmulatedStack
    desired: DesiredState

    def describe(self) -> dict[str, Any]:
        """Return the response of DescribeChangeSet. As in CloudFormation, the status is FAILED if nothing changes."""
        changes = self._changes()
        deployed = self.stack.deployed
        is_same = (deployed.outputs, deployed.parameters) == (self.desired.outputs, self.desired.parameters)
        is_empty = is_same and not changes
        return {
            "ChangeSetId": self.id,
            "ChangeSetName": self.name,
            "StackName": self.stack.name,
            "Status": "FAILED" if is_empty else "CREATE_COMPLETE",
            "StatusReason": NO_CHANGES if is_empty else None,
            "Changes": [{"Type": "Resource", "ResourceChange": change} for change in changes],
        }

    def _changes(self) -> list[dict[str, str]]:
        before, after = self.stack.deployed.resources, self.desired.resources
        changes = []
        for name, resource in after.items():
            if name not in before:
                changes.append(_describe_change("Add", name, resource))
            elif before[name] != resource:
                replaced = "False" if _is_same(before, name, resource) else "True"
                changes.append(_describe_change("Modify", name, resource) | {"Replacement": replaced})
        return changes + [
            _describe_change("Remove", name, resource) for name, resource in before.items() if name not in after
        ]


def _describe_change(action: str, name: str, resource: Resource) -> dict[str, str]:
    return {"Action": action, "LogicalResourceId": name, "ResourceType": resource.type}


def _is_same(before: Mapping[str, Resource], name: str, resource: Resource) -> bool:
    """Whether a resource is updated in place. A change of the physical id replaces it."""
    return name in before and (before[name].type, before[name].id) == (resource.type, resource.id)
