"""Declared resources of Glue: catalog, connections, jobs, workflows and triggers (see `served`)."""

import json
from collections.abc import Mapping
from typing import Any

from moto.glue.exceptions import AlreadyExistsException, InvalidInputException
from moto.glue.models import glue_backends
from moto.iam.models import iam_backends

from local.aws.cloudformation.declared import SERVED, Declared
from local.aws.glue.workflows import put_trigger


def _put_database(resource: Declared) -> None:
    catalog = resource.of(glue_backends)
    given = resource.properties["DatabaseInput"]
    resource.name = resource.physical_resource_id = given.get("Name", resource.name)
    if resource.name in catalog.databases:
        catalog.update_database(resource.name, given)
    else:
        catalog.create_database(resource.name, {**given, "Name": resource.name})


def _drop_database(resource: Declared) -> None:
    resource.of(glue_backends).delete_database(resource.name)


def _put_table(resource: Declared) -> None:
    catalog = resource.of(glue_backends)
    database, given = resource.properties["DatabaseName"], resource.properties["TableInput"]
    resource.name = resource.physical_resource_id = given.get("Name", resource.name)
    if resource.name in catalog.get_database(database).tables:
        catalog.update_table(database, resource.name, given)
    else:
        catalog.create_table(database, resource.name, {**given, "Name": resource.name})


def _drop_table(resource: Declared) -> None:
    resource.of(glue_backends).delete_table(resource.properties["DatabaseName"], resource.name)


def _put_connection(resource: Declared) -> None:
    glue = resource.of(glue_backends)
    given = resource.properties["ConnectionInput"]
    resource.name = resource.physical_resource_id = given.get("Name", resource.name)
    glue.connections.pop(resource.name, None)
    glue.create_connection(resource.account_id, {**given, "Name": resource.name}, {})


def _drop_connection(resource: Declared) -> None:
    del resource.of(glue_backends).connections[resource.name]


def _put_job(resource: Declared) -> None:
    """Put the job; its runs stay. Raises as Glue does when the name is taken or the role cannot be assumed."""
    glue, given = resource.of(glue_backends), resource.properties
    if resource.is_new and resource.name in glue.jobs:
        raise AlreadyExistsException(f"Job {resource.name}")
    roles = iam_backends[resource.account_id][resource.partition].roles.values()
    if given["Role"] not in [known for role in roles for known in (role.arn, role.name)]:
        said = f"Role {given['Role']} should be given assume role permissions for Glue Service."
        raise InvalidInputException("CreateJob", said)
    glue.create_job(
        name=resource.name,
        role=given["Role"],
        command=given["Command"],
        description=given.get("Description", ""),
        log_uri=given.get("LogUri", ""),
        execution_property=given.get("ExecutionProperty") or {"MaxConcurrentRuns": 1},
        default_arguments={key: str(value) for key, value in given.get("DefaultArguments", {}).items()},
        non_overridable_arguments=given.get("NonOverridableArguments", {}),
        connections=given.get("Connections", {}),
        max_retries=int(given.get("MaxRetries", 0)),
        allocated_capacity=int(given.get("AllocatedCapacity", 0)),
        timeout=int(given.get("Timeout", 0)),
        max_capacity=float(given.get("MaxCapacity", 0)),
        security_configuration=given.get("SecurityConfiguration", ""),
        tags=given.get("Tags", {}),
        notification_property=given.get("NotificationProperty", {}),
        glue_version=str(given.get("GlueVersion", "")),
        number_of_workers=int(given.get("NumberOfWorkers", 0)),
        worker_type=given.get("WorkerType", ""),
        code_gen_configuration_nodes={},
        execution_class=given.get("ExecutionClass", "STANDARD"),
        source_control_details={},
    )


def _drop_job(resource: Declared) -> None:
    resource.of(glue_backends).delete_job(resource.name)


def _put_workflow(resource: Declared) -> None:
    """Make the workflow, or change what is declared of it; its runs stay."""
    glue, given = resource.of(glue_backends), resource.properties
    defaults, description = _texts(given.get("DefaultRunProperties")), given.get("Description")
    most = int(given["MaxConcurrentRuns"]) if "MaxConcurrentRuns" in given else None
    if resource.is_new:
        glue.create_workflow(resource.name, defaults, description, most, _texts(given.get("Tags")))
        return
    workflow = glue.find_workflow(resource.name)
    workflow.default_run_properties, workflow.description = defaults, description
    workflow.max_concurrent_runs = most


def _drop_workflow(resource: Declared) -> None:
    resource.of(glue_backends).delete_workflow(resource.name)


def _put_trigger(resource: Declared) -> None:
    """Put the trigger as it is declared; one that is there stays switched on or off as it is."""
    glue, given = resource.of(glue_backends), resource.properties
    state = None
    if not resource.is_new:
        state = glue.get_trigger(resource.name).state
        glue.delete_trigger(resource.name)
    actions = [{**action, "Arguments": _texts(action.get("Arguments"))} for action in given.get("Actions", [])]
    starts = str(given.get("StartOnCreation", False)).lower() == "true"
    declared = {**given, "Actions": actions, "StartOnCreation": starts, "Tags": _texts(given.get("Tags"))}
    put_trigger(glue, resource.name, declared)
    if state:
        glue.get_trigger(resource.name).state = state


def _drop_trigger(resource: Declared) -> None:
    resource.of(glue_backends).delete_trigger(resource.name)


def _texts(given: Mapping[str, Any] | None) -> dict[str, str]:
    """A map of texts, for Glue takes nothing else; numbers and flags as JSON writes them."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in (given or {}).items()}


SERVED.update(
    {
        "AWS::Glue::Database": (_put_database, _drop_database),
        "AWS::Glue::Table": (_put_table, _drop_table),
        "AWS::Glue::Connection": (_put_connection, _drop_connection),
        "AWS::Glue::Job": (_put_job, _drop_job),
        "AWS::Glue::Workflow": (_put_workflow, _drop_workflow),
        "AWS::Glue::Trigger": (_put_trigger, _drop_trigger),
    }
)
