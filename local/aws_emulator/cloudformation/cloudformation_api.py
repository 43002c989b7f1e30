"""The actions of CloudFormation's API that a deployment by change sets uses; replaces moto's."""

import uuid
from typing import ClassVar

from flask import Flask
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.core.utils import convert_to_flask_response
from moto.moto_server.werkzeug_app import BackendRequest

from infra.intrinsics import TemplateError
from local.aws_emulator.cloudformation.desired_state import ACCOUNT, resolve_template
from local.aws_emulator.cloudformation.emulated_stack import ChangeSet, EmulatedStack
from local.aws_emulator.cloudformation.resources import Services
from local.s3_emulator import REGION


class RefusedError(ServiceException):
    """An error response of CloudFormation: a code and a message."""


class CloudFormationApi(BaseResponse):
    """The API of CloudFormation for the only account and region."""

    services: ClassVar[Services]
    stacks: ClassVar[dict[str, EmulatedStack]] = {}
    change_sets: ClassVar[dict[str, ChangeSet]] = {}

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    def _stack(self) -> EmulatedStack:
        name = self._get_param("StackName")
        for stack in self.stacks.values():
            if name in (stack.name, stack.id):
                return stack
        raise RefusedError("ValidationError", f"Stack with id {name} does not exist")

    def _change_set(self) -> ChangeSet:
        change_set_id = self._get_param("ChangeSetName")
        if change_set_id not in self.change_sets:
            raise RefusedError("ChangeSetNotFound", f"ChangeSet [{change_set_id}] does not exist")
        return self.change_sets[change_set_id]

    def create_change_set(self) -> ActionResult:
        """CreateChangeSet, for existing and new stacks. Change sets are found only by their id."""
        name, stack_name = self._get_param("ChangeSetName"), self._get_param("StackName")
        if self._get_param("ChangeSetType") == "CREATE":
            arn = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack_name}/{uuid.uuid4()}"
            stack = self.stacks.get(stack_name) or EmulatedStack(stack_name, arn)
        else:
            stack = self._stack()
        parameters = {one["ParameterKey"]: one["ParameterValue"] for one in self._get_param("Parameters", [])}
        try:
            desired = resolve_template(self._get_param("TemplateBody"), parameters, stack_name)
        except TemplateError as error:
            raise RefusedError("ValidationError", str(error)) from error
        arn = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/{name}/{uuid.uuid4()}"
        self.stacks[stack_name] = stack
        self.change_sets[arn] = ChangeSet(arn, name, stack, desired)
        return ActionResult({"Id": arn, "StackId": stack.id})

    def describe_change_set(self) -> ActionResult:
        """DescribeChangeSet."""
        return ActionResult(self._change_set().describe())

    def delete_change_set(self) -> ActionResult:
        """DeleteChangeSet."""
        self.change_sets.pop(self._get_param("ChangeSetName"), None)
        return EmptyResult()

    def execute_change_set(self) -> ActionResult:
        """ExecuteChangeSet."""
        change_set = self.change_sets.pop(self._change_set().id)
        change_set.stack.deploy(change_set.desired, self.services)
        return EmptyResult()

    def describe_stacks(self) -> ActionResult:
        """DescribeStacks, for one stack or for all."""
        stacks = [self._stack()] if self._get_param("StackName") else list(self.stacks.values())
        return ActionResult({"Stacks": [stack.describe() for stack in stacks]})

    def describe_stack_events(self) -> ActionResult:
        """DescribeStackEvents, newest first."""
        return ActionResult({"StackEvents": self._stack().events[::-1]})

    def delete_stack(self) -> ActionResult:
        """DeleteStack."""
        stack = self._stack()
        stack.delete(self.services, lambda: self.stacks.pop(stack.name))
        return EmptyResult()

    def get_stack_policy(self) -> ActionResult:
        """GetStackPolicy."""
        return ActionResult({"StackPolicyBody": self._stack().policy})

    def set_stack_policy(self) -> ActionResult:
        """SetStackPolicy. The policy is stored, but not enforced."""
        self._stack().policy = self._get_param("StackPolicyBody")
        return EmptyResult()


def application(services: Services) -> Flask:
    """Return the API as a Flask application of its own, because importing moto's CloudFormation takes seconds."""
    CloudFormationApi.services = services
    app = Flask("cloudformation")
    app.request_class = BackendRequest
    app.add_url_rule("/", view_func=convert_to_flask_response(CloudFormationApi.dispatch), methods=["POST"])
    return app
