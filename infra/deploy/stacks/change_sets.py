"""One change of a stack, by change set: what it would do is known, and can be refused, before it is done."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.deploy.errors import DeployError
from infra.deploy.progress_log import ProgressLog
from infra.deploy.stacks.stack_client import DeployedStack, StackClient

PROTECTED_TYPES = ("AWS::MWAA::Environment", "AWS::S3::Bucket")
"""Types whose replacement or removal loses history or data, or takes the service down for an hour."""
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_PREPARE_SECONDS = 600.0
_SUCCEEDED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


@dataclass(frozen=True)
class StackChange:
    """A change set that can be executed.

    :param resources: CloudFormation's `ResourceChange`s
    :param is_new_stack: whether the stack does not exist yet
    """

    stack: str
    id: str
    is_new_stack: bool
    resources: list[dict[str, Any]] = field(default_factory=list)

    def describe(self) -> list[str]:
        """One line for each resource."""
        return [_line(one) for one in self.resources] or ["parameters or outputs alone"]

    def refuse_replacement(self) -> None:
        """Raise DeployError when a guarded resource would, or might, be replaced or removed."""
        lost = [
            f"{one['LogicalResourceId']} ({one['ResourceType']}) {how}"
            for one in self.resources
            if one["ResourceType"] in PROTECTED_TYPES and (how := _loss(one))
        ]
        if lost:
            raise DeployError(
                f"stack {self.stack}: {', '.join(lost)} by this change. Nothing of this stack was changed. "
                "If that is meant, run this again with --allow-replacement"
            )

    def updates_mwaa(self) -> bool:
        """Whether Airflow's environment is made, or taken down for a while."""
        return any(one["ResourceType"] == "AWS::MWAA::Environment" for one in self.resources)


class ChangeSetClient:
    """Prepares and executes changes.

    :param role: ARN of the role that CloudFormation acts with, now and later; None for the caller's own rights
    """

    def __init__(self, stacks: StackClient, progress: ProgressLog, role: str | None = None) -> None:
        self._role = {"RoleARN": role} if role else {}
        self._stacks = stacks
        self._formation = stacks.formation
        self._progress = progress

    def prepare(
        self, name: str, present: DeployedStack | None, template: str, parameters: Mapping[str, str]
    ) -> StackChange | None:
        """Make the change set; None when there is nothing to change. Raises DeployError when it cannot be made."""
        is_new_stack = present is None or not present.exists
        made = self._formation.create_change_set(
            StackName=name,
            ChangeSetName=f"{name}-{uuid.uuid4().hex[:12]}",
            ChangeSetType="CREATE" if is_new_stack else "UPDATE",
            TemplateBody=template,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            **self._role,
        )
        change = StackChange(name, made["Id"], is_new_stack)
        described = self._wait_until_prepared(change)
        if described["Status"] == "CREATE_COMPLETE":
            return StackChange(name, made["Id"], is_new_stack, described["changes"])
        reason = described.get("StatusReason", "")
        self.discard(change)
        if any(word in reason for word in _NO_CHANGES):
            return None
        raise DeployError(f"stack {name}: CloudFormation refuses the change: {reason or described['Status']}")

    def discard(self, change: StackChange) -> None:
        """Delete a change set, and the empty stack that was made for it."""
        self._formation.delete_change_set(StackName=change.stack, ChangeSetName=change.id)
        left = self._stacks.find(change.stack) if change.is_new_stack else None
        if left and left.status == "REVIEW_IN_PROGRESS":
            self._stacks.delete(left)

    def execute(self, change: StackChange, status_suffix: Callable[[], str] = lambda: "") -> DeployedStack:
        """Execute it and wait for the end.

        :param status_suffix: says more about what is waited for
        :raises DeployError: when the stack was rolled back, with what failed first
        """
        # Else a first creation that fails would leave its buckets behind, in the way of the second.
        self._formation.execute_change_set(StackName=change.stack, ChangeSetName=change.id, RetainExceptOnCreate=True)
        stack = self._stacks.wait_until_stable(change.stack, status_suffix)
        if stack is None or stack.status not in _SUCCEEDED:
            status = stack.status if stack else "gone"
            why = self._stacks.failure_reason(stack) if stack else ""
            raise DeployError(
                f"stack {change.stack} is {status}{why}{status_suffix()}. Mend the cause and run this again"
            )
        return stack

    def _wait_until_prepared(self, change: StackChange) -> dict[str, Any]:
        described: dict[str, Any] = {}

        def poll() -> str | None:
            described.clear()
            described.update(self._describe_change_set(change))
            waits = described["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS")
            return f"{change.stack}: its changes are being worked out" if waits else None

        self._progress.wait_until_done(poll, _PREPARE_SECONDS, "Run this again")
        return described

    def _describe_change_set(self, change: StackChange) -> dict[str, Any]:
        pages = list(
            self._formation.get_paginator("describe_change_set").paginate(
                StackName=change.stack, ChangeSetName=change.id
            )
        )
        return {**pages[0], "changes": [one["ResourceChange"] for page in pages for one in page.get("Changes", [])]}


def _loss(resource: Mapping[str, Any]) -> str:
    if resource["Action"] == "Remove":
        return "removed"
    return {"True": "replaced", "Conditional": "perhaps replaced"}.get(resource.get("Replacement", ""), "")


def _line(resource: Mapping[str, Any]) -> str:
    line = f"{resource['Action']:<7} {resource['LogicalResourceId']} ({resource['ResourceType']})"
    loss = _loss(resource)
    return f"{line}, {loss.upper()}" if loss.endswith("replaced") else line
