"""The stacks of an account: finds them, waits until they are stable, and explains failures."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.environment_file import SCHEDULERS, EnvironmentFile
from infra.deploy.errors import DeployError
from infra.deploy.progress_log import ProgressLog

TIMEOUT_SECONDS = 90 * 60.0
"""Limit for an operation of a stack; an MWAA environment takes 20 to 40 minutes."""
_RECOVERY_COMMANDS = {
    "UPDATE_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback --stack-name {name} --region {region}",
    "ROLLBACK_FAILED": "aws cloudformation delete-stack --stack-name {name} --region {region}",
    "CREATE_FAILED": "aws cloudformation delete-stack --stack-name {name} --region {region}",
    "DELETE_FAILED": "aws cloudformation delete-stack --stack-name {name} --region {region}",
}
NEVER_CREATED = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE")
"""Statuses of an empty stack: its change set was not executed, or its first creation failed."""
_CANCELED = re.compile("cancell?ed")  # the reason of resources that CloudFormation stopped when another one failed


@dataclass(frozen=True)
class DeployedStack:
    """A stack in its present state."""

    name: str
    id: str
    status: str
    outputs: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """Whether the stack was created; an empty one was not."""
        return self.status not in NEVER_CREATED

    @property
    def release_commit(self) -> str | None:
        """Commit of the release whose jobs a pipeline stack runs; None when they are not from a release."""
        parts = self.parameters.get("ArtifactsPrefix", "").split("/")  # releases/<commit>/jobs
        return parts[1] if len(parts) == 3 else None


class StackClient:
    """Reads and deletes the stacks of one account and region.

    :param formation: boto3 CloudFormation client
    """

    def __init__(self, formation: Any, progress: ProgressLog) -> None:
        self.formation = formation
        self._progress = progress

    def find(self, name: str) -> DeployedStack | None:
        """Return the stack of that name; None when there is none."""
        try:
            (stack,) = self.formation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
        return DeployedStack(
            name=stack["StackName"],
            id=stack["StackId"],
            status=stack["StackStatus"],
            outputs={one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])},
            parameters={one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])},
        )

    def wait_until_stable(self, name: str, status_suffix: Callable[[], str] = lambda: "") -> DeployedStack | None:
        """Wait until no operation of the stack is in progress.

        :param status_suffix: returns text to append to the status in progress lines
        :return: the stack, None when there is none
        :raises DeployError: when the stack needs manual recovery, with the reason and the command
        """

        def poll() -> str | None:
            stack = self.find(name)
            if stack is None or not stack.status.endswith("_IN_PROGRESS") or stack.status in NEVER_CREATED:
                return None
            return f"{name}: {stack.status}{self._latest_event(name)}{status_suffix()}"

        self._progress.wait_until_done(
            poll, TIMEOUT_SECONDS, "Check the stack's events in the CloudFormation console, then run this again"
        )
        stack = self.find(name)
        if stack and stack.status in _RECOVERY_COMMANDS:
            command = _RECOVERY_COMMANDS[stack.status].format(name=name, region=self.formation.meta.region_name)
            raise DeployError(
                f"stack {name} is {stack.status}{self.failure_reason(stack)}. Fix the cause, run `{command}`, "
                "then run this again"
            )
        return stack

    def clear_failed_creation(self, name: str) -> DeployedStack | None:
        """Wait until the stack is stable, and delete it when it was never created: it could not be updated.

        :return: the stack, None when there is none or it was deleted
        :raises DeployError: when the stack needs manual recovery
        """
        stack = self.wait_until_stable(name)
        if stack and not stack.exists:
            if stack.status == "ROLLBACK_COMPLETE":
                self._progress.write(
                    f"{name}: the first creation failed{self.failure_reason(stack)}; deleting the remains"
                )
            self.delete(stack)
            return None
        return stack

    def delete(self, stack: DeployedStack) -> None:
        """Delete a stack and wait until it no longer exists.

        :raises DeployError: when it cannot be deleted
        """
        self.formation.delete_stack(StackName=stack.name)
        if (left := self.wait_until_stable(stack.name)) is not None:
            raise DeployError(
                f"stack {stack.name} was not deleted: it is {left.status}{self.failure_reason(left)}. Fix the cause, "
                "delete the stack in the CloudFormation console, then run this again"
            )

    def refuse_two_schedulers(self, environment: EnvironmentFile) -> None:
        """Refuse to deploy while another scheduler is deployed, because both would push the same day.

        :raises DeployError: with the command that deletes the other scheduler's stack
        """
        for kind in SCHEDULERS:
            name = environment.stack_name(kind)
            other = self.find(name) if kind != environment.orchestrator else None
            if other and other.exists:
                raise DeployError(
                    f"orchestrator is {environment.orchestrator!r}, but stack {name} is {other.status}: both would "
                    "push the same day. Nothing was changed. To delete the other one, run "
                    f"`aws cloudformation delete-stack --stack-name {name} --region {environment.region}` (if GitHub "
                    "deployed it, add the `--role-arn` of an administrator's role, because GitHub's role may not "
                    "delete an environment), wait until the stack is deleted, and run this again"
                )

    def failure_reason(self, stack: DeployedStack) -> str:
        """Return what failed first in the stack's latest operation, as `: resource (type): reason`.

        :return: an empty string when nothing failed
        """
        first_failure = ""
        pages = self.formation.get_paginator("describe_stack_events").paginate(StackName=stack.id)
        for event in (event for page in pages for event in page["StackEvents"]):  # newest first
            reason = event.get("ResourceStatusReason", "")
            is_stack = event.get("PhysicalResourceId") == event["StackId"]
            if is_stack and reason == "User Initiated":  # the start of the operation
                break
            if not event["ResourceStatus"].endswith("_FAILED") or _CANCELED.search(reason):
                continue
            if is_stack and first_failure:  # a resource explains more than the stack itself
                continue
            first_failure = f": {event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
        return first_failure

    def _latest_event(self, name: str) -> str:
        events = self.formation.describe_stack_events(StackName=name)["StackEvents"]
        return f", latest {events[0]['LogicalResourceId']} {events[0]['ResourceStatus']}" if events else ""
