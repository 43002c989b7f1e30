"""The actions of CloudFormation's API that a deployment by change sets uses, in place of moto's."""

import uuid
from typing import ClassVar

from flask import Flask
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.core.utils import convert_to_flask_response
from moto.moto_server.werkzeug_app import BackendRequest

from infra.intrinsics import TemplateError
from local.aws_emulator.cloudformation.desired import ACCOUNT, desired
from local.aws_emulator.cloudformation.emulated_stack import ChangeSet, EmulatedStack
from local.aws_emulator.cloudformation.resources import Services
from local.s3_emulator import REGION


class RefusedError(ServiceException):
    """What CloudFormation answers instead: an error code and why. moto looks at the module of a class like this."""


class CloudFormationApi(BaseResponse):
    """The API over the stacks of the one account and region that there is."""

    services: ClassVar[Services]
    stacks: ClassVar[dict[str, EmulatedStack]] = {}
    change_sets: ClassVar[dict[str, ChangeSet]] = {}

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    def _stack(self) -> EmulatedStack:
        asked = self._get_param("StackName")
        for stack in self.stacks.values():
            if asked in (stack.name, stack.id):
                return stack
        raise RefusedError("ValidationError", f"Stack with id {asked} does not exist")

    def _change_set(self) -> ChangeSet:
        asked = self._get_param("ChangeSetName")
        if asked not in self.change_sets:
            raise RefusedError("ChangeSetNotFound", f"ChangeSet [{asked}] does not exist")
        return self.change_sets[asked]

    def create_change_set(self) -> ActionResult:
        """CreateChangeSet, of a new stack too. Change sets are found by their id alone."""
        name, stack_name = self._get_param("ChangeSetName"), self._get_param("StackName")
        if self._get_param("ChangeSetType") == "CREATE":
            arn = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack_name}/{uuid.uuid4()}"
            stack = self.stacks.get(stack_name) or EmulatedStack(stack_name, arn)
        else:
            stack = self._stack()
        given = {one["ParameterKey"]: one["ParameterValue"] for one in self._get_param("Parameters", [])}
        try:
            wanted = desired(self._get_param("TemplateBody"), given, stack_name)
        except TemplateError as error:
            raise RefusedError("ValidationError", str(error)) from error
        made = ChangeSet(
            f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/{name}/{uuid.uuid4()}", name, stack, wanted
        )
        self.stacks[stack_name] = stack
        self.change_sets[made.id] = made
        return ActionResult({"Id": made.id, "StackId": stack.id})

    def describe_change_set(self) -> ActionResult:
        """DescribeChangeSet."""
        return ActionResult(self._change_set().describe())

    def delete_change_set(self) -> ActionResult:
        """DeleteChangeSet."""
        self.change_sets.pop(self._get_param("ChangeSetName"), None)
        return EmptyResult()

    def execute_change_set(self) -> ActionResult:
        """ExecuteChangeSet."""
        chosen = self.change_sets.pop(self._change_set().id)
        chosen.stack.deploy(chosen.desired, self.services)
        return EmptyResult()

    def describe_stacks(self) -> ActionResult:
        """DescribeStacks, of one stack or of all."""
        found = [self._stack()] if self._get_param("StackName") else list(self.stacks.values())
        return ActionResult({"Stacks": [stack.describe() for stack in found]})

    def describe_stack_events(self) -> ActionResult:
        """DescribeStackEvents, the newest first."""
        return ActionResult({"StackEvents": self._stack().events[::-1]})

    def delete_stack(self) -> ActionResult:
        """DeleteStack."""
        stack = self._stack()
        stack.delete(self.services, lambda: self._forget(stack))
        return EmptyResult()

    def _forget(self, stack: EmulatedStack) -> None:
        del self.stacks[stack.name]

    def get_stack_policy(self) -> ActionResult:
        """GetStackPolicy."""
        return ActionResult({"StackPolicyBody": self._stack().policy})

    def set_stack_policy(self) -> ActionResult:
        """SetStackPolicy. The policy is kept, not enforced."""
        self._stack().policy = self._get_param("StackPolicyBody")
        return EmptyResult()


def application(services: Services) -> Flask:
    """The API as an application of its own; moto's CloudFormation takes seconds to import."""
    CloudFormationApi.services = services
    app = Flask("cloudformation")
    app.request_class = BackendRequest
    app.add_url_rule("/", view_func=convert_to_flask_response(CloudFormationApi.dispatch), methods=["POST"])
    return app
