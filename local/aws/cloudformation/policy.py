"""Stack policies: which updates of which resources a stack refuses. A stack without one refuses nothing."""

import json
from fnmatch import fnmatchcase
from typing import Any

from moto.cloudformation.exceptions import ValidationError

from local.aws.cloudformation.steps import Step


def check(policy: str, step: Step) -> None:
    """Raise ValidationError when the policy does not allow this step of an update.

    As in CloudFormation, what no statement allows is refused, and Deny wins. New resources are not asked about.
    """
    if not policy or not step.before:
        return
    action = "Update:Delete" if not step.after else "Update:Replace" if step.replaces else "Update:Modify"
    found = [
        (number, statement["Effect"])
        for number, statement in enumerate(json.loads(policy)["Statement"], start=1)
        if _speaks_of(statement, action, step)
    ]
    denied = [number for number, effect in found if effect == "Deny"]
    if denied:
        said = f"Action denied by stack policy: Statement [#{denied[0]}] does not allow"
    elif not found:
        said = "Action not allowed by stack policy: no statement allows"
    else:
        return
    raise ValidationError(message=f"{said} [{action}] for resource [LogicalResourceId/{step.name}]")


def _speaks_of(statement: dict[str, Any], action: str, step: Step) -> bool:
    types = [kind for test in statement.get("Condition", {}).values() for kind in _listed(test["ResourceType"])]
    return (
        _matches(statement, "Action", action)
        and _matches(statement, "Resource", f"LogicalResourceId/{step.name}")
        and (not types or any(fnmatchcase(step.type, kind) for kind in types))
    )


def _matches(statement: dict[str, Any], member: str, value: str) -> bool:
    opposite = f"Not{member}" in statement
    patterns = _listed(statement[f"Not{member}" if opposite else member])
    return any(fnmatchcase(value, pattern) for pattern in patterns) != opposite


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
