"""An environment file, `infra/environments/<name>.toml`: where to deploy, and with which parameters and settings."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.deploy.errors import DeployError

SCHEDULERS = ("mwaa", "workflow")
ORCHESTRATORS = (*SCHEDULERS, "none")
STACKS = ("pipeline", "mwaa", "workflow")
EXAMPLE = "example"
_FIELDS = {
    "region": (r"[a-z]{2}(-[a-z]+)+-\d", "an AWS region such as eu-central-1"),
    "name_prefix": (r"[a-z][a-z0-9-]{1,28}[a-z0-9]", "3 to 30 small letters, digits and hyphens"),
    "cloudformation_role": (r"arn:aws[a-z-]*:iam::\d{12}:role/\S+", "the ARN of a role"),
    "orchestrator": ("|".join(ORCHESTRATORS), f"one of {', '.join(ORCHESTRATORS)}"),
}
_OPTIONAL = ("cloudformation_role",)


@dataclass(frozen=True)
class EnvironmentFile:
    """What is deployed where.

    :param orchestrator: who starts the jobs: `mwaa`, `workflow` (EventBridge and a Glue workflow), or `none` of ours
    :param cloudformation_role: ARN of the role that CloudFormation acts with, None for the caller's own rights
    :param parameters: by stack (`pipeline`, `mwaa`, `workflow`), the template parameters that the file gives
    :param settings: what the file gives of the Airflow Variable `engagement`
    """

    name: str
    region: str
    name_prefix: str
    orchestrator: str
    cloudformation_role: str | None
    parameters: Mapping[str, Mapping[str, str]]
    settings: Mapping[str, Any]

    def stack_name(self, kind: str) -> str:
        """Name of a stack: `engagement-pipeline`."""
        return f"{self.name_prefix}-{kind}"

    def refuse_another_account(self, number: str) -> None:
        """Raise DeployError when the CRM's secret lies elsewhere than this would be deployed to.

        :param number: of the account that the credentials are of
        """
        secret = self.parameters["pipeline"].get("CrmSecretArn", "").split(":")
        if len(secret) > 4 and secret[3:5] != [self.region, number]:
            raise DeployError(
                f"environment {self.name}: CrmSecretArn is of account {secret[4]}, {secret[3]}, and the credentials "
                f"are of {number}, {self.region}. Nothing was changed. Use the other account's credentials, or correct "
                "the file"
            )

    @property
    def variable_secret(self) -> str:
        """Name of the secret in which MWAA looks for the Airflow Variable."""
        return f"{self.name_prefix}/airflow/variables/engagement"


def load_environment(name: str, folder: Path) -> EnvironmentFile:
    """Read `<folder>/<name>.toml`.

    :raises DeployError: when there is none, or with everything that is wrong in it
    """
    path = folder / f"{name}.toml"
    if not path.is_file() or name == EXAMPLE:
        known = sorted(one.stem for one in folder.glob("*.toml") if one.stem != EXAMPLE)
        raise DeployError(
            f"environment {name!r}: wanted the name of a file in {folder}, without .toml; there are "
            f"{', '.join(known) or 'none'}. Copy {EXAMPLE}.toml, edit and commit it, and give its name (ENV=name)"
        )
    try:
        return parse_environment(name, path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DeployError(f"{path}: {error}") from None


def parse_environment(name: str, text: str) -> EnvironmentFile:
    """Read a file's text. Raises ValueError with everything that is wrong in it."""
    given = tomllib.loads(text)
    tables = (*STACKS, "settings")
    faults = [f"{key}: not known here" for key in given.keys() - {*_FIELDS, *tables}]
    for key, (pattern, wanted) in _FIELDS.items():
        found = given.get(key)
        if key in _OPTIONAL and found is None:
            continue
        if not isinstance(found, str) or not re.fullmatch(pattern, found):
            faults.append(f"{key}: found {found!r}, wanted {wanted}")
    faults += [f"{table}: wanted a table, [{table}]" for table in tables if not isinstance(given.get(table, {}), dict)]
    if faults:
        raise ValueError("; ".join(sorted(faults)))
    return EnvironmentFile(
        name=name,
        region=given["region"],
        name_prefix=given["name_prefix"],
        orchestrator=given["orchestrator"],
        cloudformation_role=given.get("cloudformation_role"),
        parameters={stack: {k: _text(v) for k, v in given.get(stack, {}).items()} for stack in STACKS},
        settings=given.get("settings", {}),
    )


def _text(value: Any) -> str:
    """Write a value as CloudFormation takes it: everything is text there, a list one with commas."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)
