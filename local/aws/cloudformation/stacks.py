"""A CloudFormation stack: made and changed resource by resource, told event by event, and put back when one fails.

In moto's place, because a deployment tool lives by what moto leaves out: an update there misses resources that change
through a condition or through another resource, a failure leaves a half-made stack in progress for ever, and an
export may be taken twice. Here every definition is evaluated and compared with the one that was deployed.
"""

import contextlib
import copy
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from moto.cloudformation import models, parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Event
from moto.cloudformation.parsing import Export

from local.aws.cloudformation import templates
from local.aws.cloudformation.declared import class_of
from local.aws.cloudformation.inputs import check_parameters, check_rules
from local.aws.cloudformation.outputs import claim, evaluated
from local.aws.cloudformation.policy import check as check_policy
from local.aws.cloudformation.steps import Live, Resources, Step, walk

_POLL_SECONDS = 0.2


class Stack(models.Stack):
    """moto's record of a stack, deployed by this module."""

    status_reason: str | None = None
    retains_new = True
    """Whether a rollback heeds the DeletionPolicy of what was made just now; RetainExceptOnCreate says otherwise."""

    @staticmethod
    def cloudformation_name_type() -> str:
        """It is not made by a template."""
        return ""

    def is_created(self) -> bool:
        """Whether nothing is under way."""
        return not self.status.endswith("_IN_PROGRESS")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.live: dict[str, Live] = {}
        self.made_outputs: list[dict[str, Any]] = []
        self.settled = threading.Event()
        self._busy = threading.Lock()
        super().__init__(*args, **kwargs)
        self.cross_stack_resources = kwargs["cross_stack_resources"]  # moto would not share one that is empty yet

    @staticmethod
    def parse_template(template: str) -> dict[str, Any]:
        """As moto's, with dates left as text."""
        return templates.parse(template)

    @property
    def stack_resources(self) -> list[Any]:
        """What is live."""
        return [item.resource for item in self.live.values()]

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """Outputs of the last deployment that went well."""
        return self.made_outputs

    @property
    def exports(self) -> list[Export]:
        """Exports of the last deployment that went well."""
        given = [output for output in self.made_outputs if output["ExportName"]]
        return [Export(self.stack_id, output["ExportName"], output["OutputValue"]) for output in given]

    @property
    def parameter_values(self) -> dict[str, str]:
        """Every parameter's value as text, whether it was given or is the default."""
        found = self.resource_map.resolved_parameters.items()
        return {name: ",".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in found}

    @property
    def parameter_list(self) -> list[dict[str, Any]]:
        """What DescribeStacks tells of them; secrets are hidden."""
        hidden = self.resource_map.no_echo_parameter_keys
        return [
            {"ParameterKey": name, "ParameterValue": "****" if name in hidden else value}
            for name, value in self.parameter_values.items()
        ]

    def resources_for(self, template: dict[str, Any], parameters: dict[str, str]) -> Resources:
        """An empty map for a deployment. Raises ValidationError on what is refused at once."""
        check_parameters(template, parameters)
        found = Resources(
            self.stack_id,
            self.name,
            parameters,
            self.tags,
            account_id=self.account_id,
            region_name=self.region_name,
            template=template,
            cross_stack_resources=self.cross_stack_resources,
        )
        unknown = sorted({item["Type"] for item in template["Resources"].values() if not class_of(item["Type"])})
        if unknown:
            raise ValidationError(message=f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")
        found.load()
        templates.ordered(template)
        check_rules(template, found.resolver)
        return found

    def deploy(self, text: str, parameters: dict[str, str], kind: str) -> None:
        """Bring the stack to this template; `kind` is CREATE or UPDATE.

        Returns when it is done, or as soon as a resource takes its time; the rest goes on in the background. Raises
        ValidationError on what CloudFormation refuses at once. A later failure is told by status and events.
        """
        template = templates.parse(text)
        resources = self.resources_for(template, parameters)
        if kind == "CREATE":
            self._adopt(text, template, resources)

        def work() -> None:
            replaced = self._change(template, resources, kind)
            if replaced is not None:
                self._adopt(text, template, resources)
                self._clean_up(replaced)
                self._tell_stack(f"{kind}_COMPLETE")

        self._in_background(work, f"{kind}_IN_PROGRESS")

    def _adopt(self, text: str, template: dict[str, Any], resources: Resources) -> None:
        self.template, self.template_dict, self.description = text, template, template.get("Description")
        self.resource_map, self.parameters = resources, resources.input_parameters

    def delete(self, forget: Callable[[], None] = lambda: None) -> None:
        """Delete every resource that is not to be retained, then call `forget`.

        What is under way comes to its end first. DELETE_FAILED with the reason when a resource cannot be deleted.
        """

        def work() -> None:
            try:
                for name in reversed(list(self.live)):
                    self._remove(name, self.live[name])
                    del self.live[name]
            except Exception as error:  # noqa: BLE001 - whatever it was, it is why the stack is still there
                self._tell_stack("DELETE_FAILED", f"The following resource(s) failed to delete: [{name}]. {error}")
            else:
                self._tell_stack("DELETE_COMPLETE")
                forget()

        self._in_background(work, "DELETE_IN_PROGRESS")

    def _in_background(self, work: Callable[[], None], status: str) -> None:
        self.settled.clear()
        if self._busy.locked():
            self.settled.set()  # what has to wait takes its time

        def whole() -> None:
            try:
                with self._busy:
                    self._tell_stack(status, "User Initiated")
                    work()
            finally:
                self.settled.set()

        threading.Thread(target=whole, name=f"{self.name} {status}", daemon=True).start()
        self.settled.wait()

    def _change(self, template: dict[str, Any], resources: Resources, kind: str) -> list[tuple[str, Live]] | None:
        """Take every step; gives what is not needed any more, or None when a step failed and all is put back."""
        undo: list[tuple[Step, Live]] = []
        replaced: list[tuple[str, Live]] = []
        step: Step | None = None
        try:
            for step in walk(template, resources, self.live):  # a failure is told of the last one
                check_policy(self.policy, step)
                if step.after is None:
                    assert step.before  # noqa: S101 - it goes
                    replaced.append((step.name, step.before))
                    continue
                self._take(step, resources, undo)
                if step.before and step.replaces:
                    replaced.append((step.name, step.before))
            step = None
            outputs = evaluated(template, resources)
            claim(self.cross_stack_resources, self.stack_id, outputs)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is why the deployment failed
            reason = self._tell_failure(step, error)
            self._roll_back(kind, undo, reason)
            return None
        self.made_outputs = outputs
        self.live = {name: self.live[name] for name in templates.ordered(template) if resources.get(name) is not None}
        return replaced

    def _clean_up(self, replaced: list[tuple[str, Live]]) -> None:
        """Delete what is not needed any more. As in CloudFormation, what cannot be deleted is left, and told of."""
        for name, old in replaced:
            with contextlib.suppress(Exception):
                self._remove(name, old, "UpdateReplacePolicy" if name in self.live else "DeletionPolicy")

    def _take(self, step: Step, resources: Resources, undo: list[tuple[Step, Live]]) -> None:
        assert step.after is not None  # noqa: S101 - else there is nothing to make
        verb = "UPDATE" if step.before else "CREATE"
        self._tell(step.name, step.type, step.before and step.before.resource, f"{verb}_IN_PROGRESS")
        made = self._make(step) if not step.before or step.replaces else self._update(step, step.before)
        undo.append((step, self._hold(step, made, step.after)))
        resources.put(step.name, made)
        self._wait_for(made)
        self._tell(step.name, step.type, made, f"{verb}_COMPLETE")

    def _hold(self, step: Step, resource: Any, definition: dict[str, Any]) -> Live:
        resource.cf_resource_type, resource.logical_resource_id = step.type, step.name
        self.live[step.name] = Live(resource, step.type, definition)
        return self.live[step.name]

    def _wait_for(self, resource: Any) -> None:
        while not resource.is_created():
            self.settled.set()
            time.sleep(_POLL_SECONDS)

    def _make(self, step: Step) -> Any:
        assert step.after is not None  # noqa: S101 - as in _take
        found = class_of(step.type)
        assert found  # noqa: S101 - checked before the first step
        given = step.after["Properties"].get(found.cloudformation_name_type())
        if given and step.before and given == step.before.properties.get(found.cloudformation_name_type()):
            raise ValidationError(
                message="CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                f"Rename {given} and update the stack again."
            )
        name = given or parsing.generate_resource_name(step.type, self.name, step.name)
        return found.create_from_cloudformation_json(
            name,
            _copy(step.type, step.after),
            self.account_id,
            self.region_name,
            LogicalId=step.name,
            StackId=self.stack_id,
            ResourceType=step.type,
        )

    def _update(self, step: Step, before: Live) -> Any:
        assert step.after is not None  # noqa: S101 - as in _take
        found = class_of(step.type)
        assert found  # noqa: S101 - checked before the first step
        if hasattr(found.update_from_cloudformation_json, "__isabstractmethod__"):
            return before.resource  # moto keeps nothing of what changes here
        given = step.after["Properties"].get(found.cloudformation_name_type())
        return found.update_from_cloudformation_json(
            original_resource=before.resource,
            new_resource_name=given or before.id,
            cloudformation_json=_copy(step.type, step.after),
            account_id=self.account_id,
            region_name=self.region_name,
        )

    def _remove(self, name: str, old: Live, policy: str = "DeletionPolicy") -> None:
        if old.definition.get(policy) == "Retain":
            self._tell(name, old.type, old.resource, "DELETE_SKIPPED")
            return
        self._tell(name, old.type, old.resource, "DELETE_IN_PROGRESS")
        try:
            self.resource_map._delete_resource(old.resource, _copy(old.type, old.definition))
        except Exception as error:
            self._tell(name, old.type, old.resource, "DELETE_FAILED", _handler_said(error))
            raise
        self._tell(name, old.type, old.resource, "DELETE_COMPLETE")

    def _roll_back(self, kind: str, undo: list[tuple[Step, Live]], reason: str) -> None:
        prefix = "UPDATE_ROLLBACK" if kind == "UPDATE" else "ROLLBACK"
        self._tell_stack(f"{prefix}_IN_PROGRESS", f"{reason} Rollback requested by user.")
        try:
            for step, made in reversed(undo):
                if step.before and not step.replaces:
                    back = Step(step.name, step.type, made, step.before.definition)
                    resource = self._update(back, made)
                    self._hold(step, resource, step.before.definition)
                    self._wait_for(resource)
                else:
                    self._remove(step.name, made, "DeletionPolicy" if self.retains_new else "")
                    if step.before:
                        self.live[step.name] = step.before
                    else:
                        del self.live[step.name]
        except Exception as error:  # noqa: BLE001 - whatever it was, it is why the way back failed
            self._tell_stack(f"{prefix}_FAILED", str(error))
        else:
            self._tell_stack(f"{prefix}_COMPLETE")

    def _tell_failure(self, step: Step | None, error: Exception) -> str:
        if step is None:
            return str(getattr(error, "message", None) or error)
        verb = "update" if step.before else "create"
        made = self.live.get(step.name)
        self._tell(step.name, step.type, made and made.resource, f"{verb.upper()}_FAILED", _handler_said(error))
        return f"The following resource(s) failed to {verb}: [{step.name}]."

    def _tell_stack(self, status: str, reason: str | None = None) -> None:
        self._tell(self.name, "AWS::CloudFormation::Stack", None, status, reason)
        self.status, self.status_reason = status, None if reason == "User Initiated" else reason

    def _tell(self, name: str, kind: str, resource: Any, status: str, reason: str | None = None) -> None:
        physical = self.stack_id if name == self.name else getattr(resource, "physical_resource_id", "")
        self.events.append(Event(self.stack_id, self.name, name, physical or "", kind, status, reason, None))


def _copy(kind: str, definition: dict[str, Any]) -> dict[str, Any]:
    """A definition for moto to work on, which changes what it is given."""
    return {"Type": kind, **copy.deepcopy(definition)}


def _handler_said(error: Exception) -> str:
    said = getattr(error, "message", None) or str(error) or type(error).__name__
    token = uuid.uuid4()
    return f'Resource handler returned message: "{said}" (RequestToken: {token}, HandlerErrorCode: InvalidRequest)'
