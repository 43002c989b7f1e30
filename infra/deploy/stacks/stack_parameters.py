"""The values of a template's parameters: from the tool, the environment file, or outputs of another stack."""

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
"""Parameters that only the tool sets; the environment file must not."""
BODY_LIMIT = 51_200  # bytes; CloudFormation's limit for a template in a request


def declared_parameters(body: str) -> dict[str, dict[str, Any]]:
    """Return the `Parameters` section of a template.

    :raises DeployError: when the template is too long for a request, or is not a valid template
    """
    if len(body.encode()) > BODY_LIMIT:
        raise DeployError(f"the template has {len(body.encode()):,} bytes, the limit is {BODY_LIMIT:,}; shorten it")
    try:
        parameters: dict[str, dict[str, Any]] = parse(body).get("Parameters") or {}
    except TemplateError as error:
        raise DeployError(str(error)) from error
    return parameters


@dataclass(frozen=True)
class ChosenParameters:
    """Values of a stack's parameters.

    :param omitted: names in the environment file that this older release does not know
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
    """Choose a value for each parameter of a template; the others keep the template's default.

    :param table: name of the environment file's table, for messages
    :param body: the template
    :param given: the values in that table
    :param tool_values: values that the tool sets
    :param outputs: values with the lowest precedence, such as outputs of the pipeline stack
    :param newer_names: parameters of the checked-out template, when `body` is that of an older release
    :raises DeployError: when a name is unknown, set by the tool, or required and missing
    """
    parameters = declared_parameters(body)
    faults = [f"{name} is set by the deploy tool; remove it" for name in given if name in TOOL_PARAMETERS]
    unknown = [name for name in given if name not in parameters and name not in TOOL_PARAMETERS]
    faults += [f"{name} is not a parameter of the template" for name in unknown if name not in newer_names]
    known = {**outputs, **given, **tool_values}
    values = {name: known[name] for name in parameters if name in known}
    missing = [name for name, one in parameters.items() if "Default" not in one and name not in values]
    faults += [f"{name} is required: {parameters[name].get('Description', '').strip()}" for name in missing]
    if faults:
        raise DeployError(f"[{table}] of the environment file: {'; '.join(faults)}")
    return ChosenParameters(values, tuple(name for name in unknown if name in newer_names))
