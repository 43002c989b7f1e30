"""What state a stack is in, getting it into one that can be changed, and waiting until it has settled."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.environment_file import SCHEDULERS, EnvironmentFile
from infra.deploy.errors import DeployError
from infra.deploy.progress_log import ProgressLog

TIMEOUT_SECONDS = 90 * 60.0
"""How long a stack may take; an MWAA environment takes 20 to 40 minutes."""
_BROKEN = {
    "UPDATE_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback --stack-name {name} --region {region}",
    "ROLLBACK_FAILED": "aws cloudformation delete-stack --stack-name {name} --region {region}",
    "CREATE_FAILED": "aws cloudformation delete-stack --stack-name {name} --region {region}",
    "DELETE_FAILED": "aws cloudformation delete-stack --stack-name {name} --region {region}",
}
NEVER_CREATED = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE")
"""States of a stack that has nothing in it: of a change set that was not executed, of a first creation that failed."""
_UNGUARDED = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"}]}


@dataclass(frozen=True)
class DeployedStack:
    """A stack as it is."""

    name: str
    id: str
    status: str
    outputs: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """Whether there is anything in it."""
        return self.status not in NEVER_CREATED


class StackClient:
    """The stacks of one account and region.

    :param formation: boto3 CloudFormation client
    """

    def __init__(self, formation: Any, progress: ProgressLog) -> None:
        self.formation = formation
        self._progress = progress

    def find(self, name: str) -> DeployedStack | None:
        """The stack of that name, or None."""
        try:
            (found,) = self.formation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
        return DeployedStack(
            name=found["StackName"],
            id=found["StackId"],
            status=found["StackStatus"],
            outputs={one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])},
            parameters={one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])},
        )

    def wait_until_stable(self, name: str, status_suffix: Callable[[], str] = lambda: "") -> DeployedStack | None:
        """The stack once nothing is in progress.

        :param status_suffix: says more about what is waited for
        :raises DeployError: when it is broken, with the reason and the command that mends it
        """

        def poll() -> str | None:
            stack = self.find(name)
            if stack is None or not stack.status.endswith("_IN_PROGRESS") or stack.status in NEVER_CREATED:
                return None
            return f"{name}: {stack.status}{self._latest_event(name)}{status_suffix()}"

        self._progress.wait_until_done(
            poll, TIMEOUT_SECONDS, "See the stack's events in the CloudFormation console, then run this again"
        )
        stack = self.find(name)
        if stack and stack.status in _BROKEN:
            command = _BROKEN[stack.status].format(name=name, region=self.formation.meta.region_name)
            raise DeployError(
                f"stack {name} is {stack.status}{self.failure_reason(stack)}. Mend the cause, run `{command}`, "
                "then this again"
            )
        return stack

    def clear_failed_creation(self, name: str) -> DeployedStack | None:
        """As `settled`, but a stack that never came to be is deleted first, for it cannot be updated."""
        stack = self.wait_until_stable(name)
        if stack and not stack.exists:
            if stack.status == "ROLLBACK_COMPLETE":
                self._progress.write(
                    f"{name}: its first creation failed{self.failure_reason(stack)}; deleting what is left of it"
                )
            self.delete(stack)
            return None
        return stack

    def delete(self, stack: DeployedStack) -> None:
        """Delete a stack and wait until it is gone. Raises DeployError when it cannot be deleted."""
        self.formation.delete_stack(StackName=stack.name)
        if (left := self.wait_until_stable(stack.name)) is not None:
            raise DeployError(
                f"stack {stack.name} could not be deleted: it is {left.status}{self.failure_reason(left)}"
            )

    def refuse_two_schedulers(self, environment: EnvironmentFile) -> None:
        """Refuse when another scheduler than the environment's is deployed: both would push the same day.

        :raises DeployError: with the command that removes the other one
        """
        for kind in SCHEDULERS:
            name = environment.stack_name(kind)
            found = self.find(name) if kind != environment.orchestrator else None
            if found and found.exists:
                raise DeployError(
                    f"orchestrator is {environment.orchestrator!r}, but stack {name} is {found.status}: two "
                    "schedulers would push the same day. Nothing was changed. To remove that one, run "
                    f"`aws cloudformation delete-stack --stack-name {name} --region {environment.region}` (and "
                    "`--role-arn` of an administrator's role, if GitHub's deployed it: that one deletes no "
                    "environment), wait until it is gone, and run this again"
                )

    def guard(self, name: str, policy: Path) -> bool:
        """Set the stack policy where it is not set; return whether anything had to be done."""
        wanted = json.loads(policy.read_text(encoding="utf-8"))
        now = self.formation.get_stack_policy(StackName=name).get("StackPolicyBody")
        if now and json.loads(now) == wanted:
            return False
        self.formation.set_stack_policy(StackName=name, StackPolicyBody=json.dumps(wanted))
        return True

    @contextlib.contextmanager
    def unguarded(self, name: str, policy: Path) -> Iterator[None]:
        """Allow every update while the block runs, then set the stack policy again."""
        self.formation.set_stack_policy(StackName=name, StackPolicyBody=json.dumps(_UNGUARDED))
        try:
            yield
        finally:
            self.guard(name, policy)

    def failure_reason(self, stack: DeployedStack) -> str:
        """What failed first in the stack's latest operation, as `: resource (type): reason`; empty when nothing did."""
        failed = ""
        pages = self.formation.get_paginator("describe_stack_events").paginate(StackName=stack.id)
        for event in (event for page in pages for event in page["StackEvents"]):  # the newest first
            reason = event.get("ResourceStatusReason", "")
            own = event.get("PhysicalResourceId") == event["StackId"]
            if own and reason == "User Initiated":
                break
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason and not (own and failed):
                failed = f": {event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
        return failed

    def _latest_event(self, name: str) -> str:
        events = self.formation.describe_stack_events(StackName=name)["StackEvents"]
        return f", latest {events[0]['LogicalResourceId']} {events[0]['ResourceStatus']}" if events else ""
