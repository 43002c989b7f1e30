"""Which value each parameter of a template gets: the tool's own, the environment file's, or another stack's output."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from infra.deploy.errors import DeployError
from infra.intrinsics import TemplateError, parse

TOOL_PARAMETERS = (
    "NamePrefix",
    "ArtifactsPrefix",
    "ArtifactsBucketName",
    "OrchestratorPolicyArn",
    "PluginsKey",
    "RequirementsKey",
)
"""Parameters that the tool sets itself; the environment file may not."""
BODY_LIMIT = 51_200  # bytes of a template that CloudFormation takes in a call


def declared_parameters(body: str) -> dict[str, dict[str, Any]]:
    """Parameters of a template by name, as it declares them.

    :raises DeployError: when the template is longer than a call may be, or is not a template
    """
    if len(body.encode()) > BODY_LIMIT:
        raise DeployError(f"a template of {len(body.encode()):,} bytes: wanted at most {BODY_LIMIT:,}")
    try:
        parameters: dict[str, dict[str, Any]] = parse(body).get("Parameters") or {}
    except TemplateError as error:
        raise DeployError(str(error)) from error
    return parameters


@dataclass(frozen=True)
class ChosenParameters:
    """Values of a stack's parameters.

    :param omitted: names that the file gives and that this older release does not know yet
    """

    values: dict[str, str]
    omitted: tuple[str, ...] = ()


def choose_parameters(
    table: str,
    body: str,
    given: Mapping[str, str],
    tool_values: Mapping[str, str],
    outputs: Mapping[str, str],
    newer_names: Collection[str] = (),
) -> ChosenParameters:
    """Choose a value for each parameter of `body`; what has none keeps the template's default.

    :param table: the environment file's table, for messages
    :param given: what that table says
    :param tool_values: values of the tool's own parameters
    :param outputs: other values that are known by the parameter's very name, such as outputs of the pipeline stack
    :param newer_names: parameters that the newest template knows, when this one is of an older release
    :raises DeployError: for a name that no template knows, that the tool sets, or that is required and missing
    """
    parameters = declared_parameters(body)
    faults = [f"{name} is set by the deploy tool; remove it" for name in given if name in TOOL_PARAMETERS]
    unknown = [name for name in given if name not in parameters and name not in TOOL_PARAMETERS]
    faults += [f"{name} is no parameter of the template" for name in unknown if name not in newer_names]
    known = {**outputs, **given, **tool_values}
    values = {name: known[name] for name in parameters if name in known}
    missing = [name for name, one in parameters.items() if "Default" not in one and name not in values]
    faults += [f"{name} is required: {parameters[name].get('Description', '').strip()}" for name in missing]
    if faults:
        raise DeployError(f"[{table}] of the environment file: {'; '.join(faults)}")
    return ChosenParameters(values, tuple(name for name in unknown if name in newer_names))
