"""AWS::Glue::Workflow and AWS::Glue::Trigger; importing this module registers them (see `local.aws.cloudformation`)."""

import json
from collections.abc import Mapping
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.glue.models import glue_backends

from local.aws.glue_workflows import WorkflowsBackend, put_trigger


class GlueWorkflow(CloudFormationModel):
    """AWS::Glue::Workflow, made in the Glue backend."""

    def __init__(self, name: str):
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type() -> str:
        """The property that names it."""
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        """The type this class stands for."""
        return "AWS::Glue::Workflow"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:  # noqa: ARG003 - moto's signature
        """Fn::GetAtt knows nothing of a workflow."""
        return False

    def is_created(self) -> bool:
        """At once."""
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> "GlueWorkflow":
        """Create the workflow."""
        given = cloudformation_json.get("Properties", {})
        _backend(account_id, region_name).create_workflow(
            resource_name,
            _texts(given.get("DefaultRunProperties")),
            given.get("Description"),
            _most(given),
            _tags(given),
        )
        return cls(resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "GlueWorkflow",
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> "GlueWorkflow":
        """Change what is declared; its runs stay. Another name makes another workflow."""
        backend = _backend(account_id, region_name)
        old = original_resource.physical_resource_id
        if old != new_resource_name:
            made = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
            backend.delete_workflow(old)
            return made
        given = cloudformation_json.get("Properties", {})
        workflow = backend.find_workflow(old)
        workflow.default_run_properties = _texts(given.get("DefaultRunProperties"))
        workflow.description = given.get("Description")
        workflow.max_concurrent_runs = _most(given)
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,  # noqa: ARG003
        account_id: str,
        region_name: str,
    ) -> None:
        """Delete the workflow."""
        _backend(account_id, region_name).delete_workflow(resource_name)


class GlueTrigger(CloudFormationModel):
    """AWS::Glue::Trigger, made in the Glue backend."""

    def __init__(self, name: str):
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type() -> str:
        """The property that names it."""
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        """The type this class stands for."""
        return "AWS::Glue::Trigger"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:  # noqa: ARG003 - moto's signature
        """Fn::GetAtt knows nothing of a trigger."""
        return False

    def is_created(self) -> bool:
        """At once."""
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> "GlueTrigger":
        """Create the trigger."""
        _put(_backend(account_id, region_name), resource_name, cloudformation_json["Properties"])
        return cls(resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "GlueTrigger",
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> "GlueTrigger":
        """Put the trigger as it is declared now; it stays switched on or off as it is."""
        backend = _backend(account_id, region_name)
        before = backend.get_trigger(original_resource.physical_resource_id)
        backend.delete_trigger(before.name)
        _put(backend, new_resource_name, cloudformation_json["Properties"])
        backend.get_trigger(new_resource_name).state = before.state
        return cls(new_resource_name)

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,  # noqa: ARG003
        account_id: str,
        region_name: str,
    ) -> None:
        """Delete the trigger."""
        _backend(account_id, region_name).delete_trigger(resource_name)


def _backend(account_id: str, region_name: str) -> WorkflowsBackend:
    found = glue_backends[account_id][region_name]
    assert isinstance(found, WorkflowsBackend)  # noqa: S101 - `local.aws.glue.install` saw to that
    return found


def _put(backend: WorkflowsBackend, name: str, given: Mapping[str, Any]) -> None:
    actions = [{**action, "Arguments": _texts(action.get("Arguments"))} for action in given.get("Actions", [])]
    put_trigger(backend, name, {**given, "Actions": actions, "StartOnCreation": _is_true(given), "Tags": _tags(given)})


def _texts(given: Mapping[str, Any] | None) -> dict[str, str]:
    """A map of texts, for Glue takes nothing else; numbers and flags as JSON writes them."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in (given or {}).items()}


def _most(given: Mapping[str, Any]) -> int | None:
    return int(given["MaxConcurrentRuns"]) if "MaxConcurrentRuns" in given else None


def _is_true(given: Mapping[str, Any]) -> bool:
    return str(given.get("StartOnCreation", False)).lower() == "true"


def _tags(given: Mapping[str, Any]) -> dict[str, str]:
    return _texts(given.get("Tags"))
