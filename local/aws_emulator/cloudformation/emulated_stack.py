"""Stacks and change sets: what a deployment changes, done resource by resource, and undone when one fails."""

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.aws_emulator.cloudformation.desired import Desired, Resource
from local.aws_emulator.cloudformation.resources import Services

_ANSWER_SECONDS = 2.0
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


@dataclass
class EmulatedStack:
    """A stack with what is deployed in it, and its events, the oldest first."""

    name: str
    id: str
    status: str = "REVIEW_IN_PROGRESS"
    policy: str | None = None
    deployed: Desired = field(default_factory=Desired)
    events: list[dict[str, Any]] = field(default_factory=list)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    _busy: threading.Lock = field(default_factory=threading.Lock)

    def deploy(self, desired: Desired, services: Services) -> None:
        """Bring the services to what is desired; what takes longer than an answer may goes on in the background."""
        kind = "CREATE" if self.status == "REVIEW_IN_PROGRESS" else "UPDATE"
        self._in_background(f"{kind}_IN_PROGRESS", lambda: self._change(desired, services, kind))

    def delete(self, services: Services, forget: Callable[[], None]) -> None:
        """Remove everything that is not retained, then call `forget`."""

        def work() -> None:
            for resource in reversed(list(self.deployed.resources.values())):
                if not resource.is_retained:
                    services.remove(resource.type, resource.id)
            forget()

        self._in_background("DELETE_IN_PROGRESS", work)

    def describe(self) -> dict[str, Any]:
        """The Stack structure of the API."""
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
            with self._busy:  # what is in progress comes to its end first
                self._note_stack(status, "User Initiated")
                work()

        thread = threading.Thread(target=run, name=f"{self.name} {status}", daemon=True)
        thread.start()
        thread.join(_ANSWER_SECONDS)

    def _change(self, desired: Desired, services: Services, kind: str) -> None:
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
                self._note(name, resource, f"{verb}_FAILED", str(error))
                self._undo(done, desired, services, kind)
                return
            done.append(name)
            self._note(name, resource, f"{verb}_COMPLETE")
        for name, resource in before.items():
            if not (name in desired.resources and _is_same(before, name, desired.resources[name])):
                services.remove(resource.type, resource.id)
        self.deployed = desired
        self._note_stack(f"{kind}_COMPLETE")

    def _undo(self, done: list[str], desired: Desired, services: Services, kind: str) -> None:
        before, prefix = self.deployed.resources, "UPDATE_ROLLBACK" if kind == "UPDATE" else "ROLLBACK"
        self._note_stack(f"{prefix}_IN_PROGRESS", "Rollback requested by user.")
        for name in reversed(done):
            made = desired.resources[name]
            if _is_same(before, name, made):
                old = before[name]
                services.put(old.type, old.id, old.properties, is_new=False)
            else:
                services.remove(made.type, made.id)
        self._note_stack(f"{prefix}_COMPLETE")

    def _note(self, name: str, resource: Resource, status: str, reason: str | None = None) -> None:
        self._event(name, resource.type, resource.id, status, reason)

    def _note_stack(self, status: str, reason: str | None = None) -> None:
        self.status = status
        self._event(self.name, "AWS::CloudFormation::Stack", self.id, status, reason)

    def _event(self, name: str, kind: str, physical_id: str, status: str, reason: str | None) -> None:
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
    """What a deployment would do to a stack."""

    id: str
    name: str
    stack: EmulatedStack
    desired: Desired

    def describe(self) -> dict[str, Any]:
        """The answer of DescribeChangeSet: FAILED, in CloudFormation's words, where there is nothing to change."""
        changes = self._changes()
        deployed = self.stack.deployed
        same = not changes and (deployed.outputs, deployed.parameters) == (
            self.desired.outputs,
            self.desired.parameters,
        )
        return {
            "ChangeSetId": self.id,
            "ChangeSetName": self.name,
            "StackName": self.stack.name,
            "Status": "FAILED" if same else "CREATE_COMPLETE",
            "StatusReason": NO_CHANGES if same else None,
            "Changes": [{"Type": "Resource", "ResourceChange": change} for change in changes],
        }

    def _changes(self) -> list[dict[str, str]]:
        before, after = self.stack.deployed.resources, self.desired.resources
        changes = []
        for name, resource in after.items():
            if name not in before:
                changes.append(_told("Add", name, resource))
            elif before[name] != resource:
                replaced = "False" if _is_same(before, name, resource) else "True"
                changes.append(_told("Modify", name, resource) | {"Replacement": replaced})
        return changes + [_told("Remove", name, resource) for name, resource in before.items() if name not in after]


def _told(action: str, name: str, resource: Resource) -> dict[str, str]:
    return {"Action": action, "LogicalResourceId": name, "ResourceType": resource.type}


def _is_same(before: Mapping[str, Resource], name: str, resource: Resource) -> bool:
    """Whether a resource stays what it is: one with another physical id takes its place."""
    return name in before and (before[name].type, before[name].id) == (resource.type, resource.id)
