"""CloudFormation's API over this package's stacks and change sets, in place of moto's."""

import contextlib
from types import ModuleType

from moto.cloudformation import urls
from moto.cloudformation.exceptions import AlreadyExistsException, CloudFormationError, ValidationError
from moto.cloudformation.models import CloudFormationBackend, cloudformation_backends
from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudformation.utils import generate_stack_id, validate_create_change_set
from moto.core.responses import ActionResult, EmptyResult

from local.aws.cloudformation import templates
from local.aws.cloudformation.change_sets import ChangeSet
from local.aws.cloudformation.inputs import check_capabilities, template_body
from local.aws.cloudformation.stacks import Stack
from local.aws.glue.backend import Backend as GlueBackend


class ChangeSetNotFoundError(CloudFormationError):
    """There is no such change set."""

    code = "ChangeSetNotFound"


class InvalidChangeSetStatusError(CloudFormationError):
    """The change set cannot be executed, or not any more."""

    code = "InvalidChangeSetStatus"


class Backend(CloudFormationBackend):
    """Stacks and change sets of one account and region."""

    stacks: dict[str, Stack]  # type: ignore[assignment] # this package's own
    change_sets: dict[str, ChangeSet]  # type: ignore[assignment]

    @property
    def _url_module(self) -> ModuleType:
        return urls  # moto would look for one beside this file

    def find(self, name: str) -> Stack:
        """A stack that is not deleted, by name or id. Raises ValidationError when there is none."""
        for stack in self.stacks.values():
            if name in (stack.name, stack.stack_id):
                return stack
        raise ValidationError(message=f"Stack [{name}] does not exist")

    def new_stack(self, name: str, tags: dict[str, str], protected: bool) -> Stack:
        """An empty stack. Raises AlreadyExistsException when the name is taken."""
        if any(stack.name == name for stack in self.stacks.values()):
            raise AlreadyExistsException(f"Stack [{name}] already exists")
        return Stack(
            stack_id=generate_stack_id(name, self.region_name, self.account_id),
            name=name,
            template={},
            parameters={},
            account_id=self.account_id,
            region_name=self.region_name,
            tags=tags,
            cross_stack_resources=self.exports,
            enable_termination_protection=protected,
        )

    def find_change_set(self, name: str, stack: str | None) -> ChangeSet:
        """A change set by id, or by name and stack. Raises ChangeSetNotFoundError."""
        for found in self.change_sets.values():
            if name == found.id or (name == found.name and stack in (found.stack.name, found.stack.stack_id)):
                return found
        raise ChangeSetNotFoundError(f"ChangeSet [{name}] does not exist")

    def delete_stack(self, name_or_stack_id: str) -> None:
        """Delete a stack; one that does not exist is deleted already."""
        try:
            stack = self.find(name_or_stack_id)
        except ValidationError:
            return
        if stack.enable_termination_protection:
            raise ValidationError(
                message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )

        def forget() -> None:
            for export in stack.exports:
                self.exports.pop(export.name, None)
            self.deleted_stacks[stack.stack_id] = self.stacks.pop(stack.stack_id)

        stack.delete(forget)


class Response(CloudFormationResponse):
    """The API's actions on stacks and change sets."""

    # moto's transformers are for its own change sets
    RESPONSE_KEY_PATH_TO_TRANSFORMER = {  # noqa: RUF012 - moto's way
        path: transform
        for path, transform in CloudFormationResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER.items()
        if not path.startswith("DescribeChangeSetOutput")
    }

    @property
    def backend(self) -> Backend:
        """The backend of this request's account and region."""
        found = self.cloudformation_backend
        assert isinstance(found, Backend)  # noqa: S101 - `install` saw to that
        return found

    def _template(self, previous: Stack | None = None) -> str:
        body, url = self._get_param("TemplateBody"), self._get_param("TemplateURL")
        text = template_body(body, url, GlueBackend.settings.root)
        if previous and self._get_bool_param("UsePreviousTemplate"):
            text = str(previous.template)
        if not text:
            raise ValidationError(message="Either Template URL or Template Body must be specified.")
        check_capabilities(templates.parse(text), self._get_param("Capabilities", []))
        return text

    def _parameters(self, previous: Stack | None = None) -> dict[str, str]:
        given = {}
        for item in self._get_param("Parameters", []):
            name = item["ParameterKey"]
            if not item.get("UsePreviousValue"):
                given[name] = item["ParameterValue"]
            elif previous and name in previous.parameter_values:
                given[name] = previous.parameter_values[name]
        return given

    def _tags(self) -> dict[str, str]:
        return {item["Key"]: item["Value"] for item in self._get_param("Tags", [])}

    def create_stack(self) -> ActionResult:
        """CreateStack."""
        protected = self._get_bool_param("EnableTerminationProtection", False)
        stack = self.backend.new_stack(self._get_param("StackName"), self._tags(), bool(protected))
        text, parameters = self._template(), self._parameters()
        stack.policy = self._get_param("StackPolicyBody") or ""
        stack.resources_for(templates.parse(text), parameters)  # refused before there is a stack
        self.backend.stacks[stack.stack_id] = stack
        stack.deploy(text, parameters, "CREATE")
        return ActionResult({"StackId": stack.stack_id})

    def update_stack(self) -> ActionResult:
        """UpdateStack. AWS refuses an update that changes nothing; here it completes."""
        stack = self.backend.find(self._get_param("StackName"))
        _refuse_unless_stable(stack)
        stack.deploy(self._template(stack), self._parameters(stack), "UPDATE")
        stack.tags = self._tags() or stack.tags
        return ActionResult({"StackId": stack.stack_id})

    def update_termination_protection(self) -> ActionResult:
        """UpdateTerminationProtection, which moto does not know."""
        stack = self.backend.find(self._get_param("StackName"))
        stack.enable_termination_protection = bool(self._get_bool_param("EnableTerminationProtection"))
        return ActionResult({"StackId": stack.stack_id})

    def create_change_set(self) -> ActionResult:
        """CreateChangeSet."""
        name, kind = self._get_param("ChangeSetName"), self._get_param("ChangeSetType", "UPDATE")
        validate_create_change_set(name)
        stack = self._stack_for(kind)
        if any(found.name == name and found.stack is stack for found in self.backend.change_sets.values()):
            raise AlreadyExistsException(
                f"ChangeSet {name} cannot be created due to a mismatch with existing attributes"
            )
        previous = stack if kind == "UPDATE" else None
        made = ChangeSet(
            stack,
            name,
            kind,
            self._template(previous),
            self._parameters(previous),
            self._get_param("Description", ""),
        )
        self.backend.stacks[stack.stack_id] = stack
        self.backend.change_sets[made.id] = made
        return ActionResult({"Id": made.id, "StackId": stack.stack_id})

    def _stack_for(self, kind: str) -> Stack:
        name = self._get_param("StackName")
        if kind == "UPDATE":
            stack = self.backend.find(name)
            _refuse_unless_stable(stack)
            return stack
        for stack in self.backend.stacks.values():
            if name == stack.name and stack.status == "REVIEW_IN_PROGRESS":
                return stack
        stack = self.backend.new_stack(name, self._tags(), protected=False)
        stack.status = "REVIEW_IN_PROGRESS"
        return stack

    def _change_set(self) -> ChangeSet:
        return self.backend.find_change_set(self._get_param("ChangeSetName"), self._get_param("StackName"))

    def describe_change_set(self) -> ActionResult:
        """DescribeChangeSet."""
        return ActionResult(self._change_set().as_dict())

    def list_change_sets(self) -> ActionResult:
        """ListChangeSets of a stack."""
        stack = self.backend.find(self._get_param("StackName"))
        found = [item.summary() for item in self.backend.change_sets.values() if item.stack is stack]
        return ActionResult({"Summaries": found})

    def delete_change_set(self) -> ActionResult:
        """DeleteChangeSet; one that does not exist is deleted already."""
        with contextlib.suppress(ChangeSetNotFoundError):
            del self.backend.change_sets[self._change_set().id]
        return EmptyResult()

    def execute_change_set(self) -> ActionResult:
        """ExecuteChangeSet; every other change set of the stack is void then, as in CloudFormation."""
        chosen = self._change_set()
        if chosen.execution_status != "AVAILABLE":
            raise InvalidChangeSetStatusError(
                f"ChangeSet [{chosen.id}] cannot be executed in its current status of [{chosen.status}]"
            )
        for other in [item for item in self.backend.change_sets.values() if item.stack is chosen.stack]:
            if other is not chosen:
                del self.backend.change_sets[other.id]
        chosen.execute(retain_except_on_create=bool(self._get_param("RetainExceptOnCreate")))
        return EmptyResult()


def _refuse_unless_stable(stack: Stack) -> None:
    if stack.status.endswith("_IN_PROGRESS") or stack.status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"):
        raise ValidationError(message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")


def install() -> None:
    """Put this CloudFormation in moto's place; before the first request."""
    cloudformation_backends.backend = Backend
    urls.url_paths["{0}/$"] = Response.dispatch
