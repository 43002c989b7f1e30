"""The environment file `infra/environments/<name>.toml`: where to deploy, with which parameters and settings."""

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
    "name_prefix": (r"[a-z][a-z0-9-]{1,28}[a-z0-9]", "3 to 30 lowercase letters, digits and hyphens"),
    "cloudformation_role": (r"arn:aws[a-z-]*:iam::\d{12}:role/\S+", "the ARN of a role"),
    "orchestrator": ("|".join(ORCHESTRATORS), f"one of {', '.join(ORCHESTRATORS)}"),
}
_OPTIONAL = ("cloudformation_role",)


@dataclass(frozen=True)
class EnvironmentFile:
    """An environment, as its file describes it.

    :param orchestrator: what starts the jobs: `mwaa`, `workflow` (EventBridge and a Glue workflow), or `none` when the
        tool deploys no orchestrator
    :param cloudformation_role: ARN of the role that CloudFormation assumes; None for the caller's permissions
    :param parameters: the template parameters in the file, by stack (`pipeline`, `mwaa`, `workflow`)
    :param settings: the settings in the file, for the Airflow Variable `engagement`
    """

    name: str
    region: str
    name_prefix: str
    orchestrator: str
    cloudformation_role: str | None
    parameters: Mapping[str, Mapping[str, str]]
    settings: Mapping[str, Any]

    def stack_name(self, kind: str) -> str:
        """Return the name of a stack, such as `engagement-pipeline`."""
        return f"{self.name_prefix}-{kind}"

    def refuse_another_account(self, number: str) -> None:
        """Refuse credentials of another account or region than that of the CRM secret.

        :param number: the account number of the credentials
        :raises DeployError: when account or region differ
        """
        secret = self.parameters["pipeline"].get("CrmSecretArn", "").split(":")
        if len(secret) > 4 and secret[3:5] != [self.region, number]:
            raise DeployError(
                f"environment {self.name}: CrmSecretArn is in account {secret[4]}, {secret[3]}, but the credentials "
                f"are for {number}, {self.region}. Nothing was changed. Use credentials for account {secret[4]}, or "
                "correct the file"
            )

    @property
    def variable_secret(self) -> str:
        """Name of the secret from which MWAA reads the Airflow Variable."""
        return f"{self.name_prefix}/airflow/variables/engagement"


def load_environment(name: str, folder: Path) -> EnvironmentFile:
    """Read `<folder>/<name>.toml`.

    :raises DeployError: when the file does not exist, or with every fault in it
    """
    path = folder / f"{name}.toml"
    if not path.is_file() or name == EXAMPLE:
        known = sorted(one.stem for one in folder.glob("*.toml") if one.stem != EXAMPLE)
        raise DeployError(
            f"environment {name!r}: expected the name of a file in {folder}, without .toml; existing files: "
            f"{', '.join(known) or 'none'}. Copy {EXAMPLE}.toml, edit and commit it, and pass its name (ENV=name)"
        )
    try:
        return parse_environment(name, path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DeployError(f"{path}: {error}") from None


def parse_environment(name: str, text: str) -> EnvironmentFile:
    """Parse the text of a file.

    :raises ValueError: with every fault in it
    """
    given = tomllib.loads(text)
    tables = (*STACKS, "settings")
    faults = [f"{key}: unknown key" for key in given.keys() - {*_FIELDS, *tables}]
    for key, (pattern, expected) in _FIELDS.items():
        value = given.get(key)
        if key in _OPTIONAL and value is None:
            continue
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            faults.append(f"{key}: expected {expected}, got {value!r}")
    faults += [
        f"{table}: expected a table, [{table}]" for table in tables if not isinstance(given.get(table, {}), dict)
    ]
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
    """Return a value in CloudFormation's form: text, with commas between the items of a list."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)
