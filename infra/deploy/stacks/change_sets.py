"""Changes of a stack by change set, so that a change is known, and can be refused, before it is executed."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.deploy.errors import DeployError
from infra.deploy.progress_log import ProgressLog
from infra.deploy.stacks.stack_client import DeployedStack, StackClient

PROTECTED_TYPES = ("AWS::MWAA::Environment", "AWS::S3::Bucket")
"""Types whose replacement or removal loses history or data, or stops the service for an hour."""
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_PREPARE_TIMEOUT_SECONDS = 600.0
_SUCCEEDED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


@dataclass(frozen=True)
class StackChange:
    """A change set.

    :param is_new_stack: whether the stack does not exist yet
    :param resources: CloudFormation's `ResourceChange` structures
    """

    stack: str
    id: str
    is_new_stack: bool
    resources: list[dict[str, Any]] = field(default_factory=list)

    def describe(self) -> list[str]:
        """Return one line for each resource that changes."""
        return [_line(resource) for resource in self.resources] or ["only parameters or outputs change"]

    def refuse_replacement(self) -> None:
        """Refuse to replace or remove a resource of a protected type.

        :raises DeployError: when the change replaces, may replace, or removes one
        """
        losses = [
            f"{resource['LogicalResourceId']} ({resource['ResourceType']}) {loss}"
            for resource in self.resources
            if resource["ResourceType"] in PROTECTED_TYPES and (loss := _loss(resource))
        ]
        if losses:
            raise DeployError(
                f"stack {self.stack}: {', '.join(losses)} by this change. This stack was not changed. "
                "To allow it, run this again with --allow-replacement"
            )

    def updates_mwaa(self) -> bool:
        """Return whether the change creates or updates the Airflow environment."""
        return any(resource["ResourceType"] == "AWS::MWAA::Environment" for resource in self.resources)


class ChangeSetClient:
    """Prepares and executes changes.

    :param role: ARN of the role that CloudFormation assumes for the stack, now and later; None for the caller's
        permissions
    """

    def __init__(self, stacks: StackClient, progress: ProgressLog, role: str | None = None) -> None:
        self._role = {"RoleARN": role} if role else {}
        self._stacks = stacks
        self._formation = stacks.formation
        self._progress = progress

    def prepare(
        self, name: str, present: DeployedStack | None, template: str, parameters: Mapping[str, str]
    ) -> StackChange | None:
        """Create a change set and wait until CloudFormation has computed it.

        :return: the change, None when there is nothing to change
        :raises DeployError: when CloudFormation rejects the change
        """
        is_new_stack = present is None or not present.exists
        created = self._formation.create_change_set(
            StackName=name,
            ChangeSetName=f"{name}-{uuid.uuid4().hex[:12]}",
            ChangeSetType="CREATE" if is_new_stack else "UPDATE",
            TemplateBody=template,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            **self._role,
        )
        change = StackChange(name, created["Id"], is_new_stack)
        description = self._wait_until_prepared(change)
        if description["Status"] == "CREATE_COMPLETE":
            return StackChange(name, created["Id"], is_new_stack, description["changes"])
        reason = description.get("StatusReason", "")
        self.discard(change)
        if any(text in reason for text in _NO_CHANGES):
            return None
        raise DeployError(f"stack {name}: CloudFormation rejects the change: {reason or description['Status']}")

    def discard(self, change: StackChange) -> None:
        """Delete a change set, and the empty stack that CloudFormation created for it."""
        self._formation.delete_change_set(StackName=change.stack, ChangeSetName=change.id)
        left = self._stacks.find(change.stack) if change.is_new_stack else None
        if left and left.status == "REVIEW_IN_PROGRESS":
            self._stacks.delete(left)

    def execute(self, change: StackChange, status_suffix: Callable[[], str] = lambda: "") -> DeployedStack:
        """Execute a change and wait until the stack is stable.

        :param status_suffix: returns text to append to the status in progress lines and in the error
        :raises DeployError: when the stack was rolled back, with what failed first
        """
        # Without RetainExceptOnCreate, a failed first creation would keep its buckets, and the next one would fail.
        self._formation.execute_change_set(StackName=change.stack, ChangeSetName=change.id, RetainExceptOnCreate=True)
        stack = self._stacks.wait_until_stable(change.stack, status_suffix)
        if stack is None or stack.status not in _SUCCEEDED:
            status = stack.status if stack else "deleted"
            reason = self._stacks.failure_reason(stack) if stack else ""
            raise DeployError(
                f"stack {change.stack} is {status}{reason}{status_suffix()}. Fix the cause and run this again"
            )
        return stack

    def _wait_until_prepared(self, change: StackChange) -> dict[str, Any]:
        description: dict[str, Any] = {}

        def poll() -> str | None:
            description.clear()
            description.update(self._describe_change_set(change))
            is_pending = description["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS")
            return f"{change.stack}: CloudFormation is computing the changes" if is_pending else None

        self._progress.wait_until_done(poll, _PREPARE_TIMEOUT_SECONDS, "Run this again")
        return description

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
    return {"True": "replaced", "Conditional": "possibly replaced"}.get(resource.get("Replacement", ""), "")


def _line(resource: Mapping[str, Any]) -> str:
    line = f"{resource['Action']:<7} {resource['LogicalResourceId']} ({resource['ResourceType']})"
    loss = _loss(resource)
    return f"{line}, {loss.upper()}" if loss.endswith("replaced") else line
