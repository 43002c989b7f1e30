"""Environment files: what they may contain, and how faults are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement.config.settings import Settings
from infra.deploy import __main__ as command
from infra.deploy.deploy_target import DeployTarget
from infra.deploy.environment_file import load_environment, parse_environment
from infra.deploy.errors import DeployError
from infra.deploy.releases.release import Release
from infra.deploy.stacks.stack_parameters import TOOL_PARAMETERS, declared_parameters

GOOD = 'region = "eu-central-1"\nname_prefix = "engagement"\norchestrator = "none"\n'
EXAMPLE = (command.ENVIRONMENTS / "example.toml").read_text()


def test_the_example_has_only_known_names() -> None:
    example = parse_environment("example", EXAMPLE)
    for kind, given in example.parameters.items():
        known = declared_parameters((command.ENVIRONMENTS.parent / f"{kind}.yaml").read_text())
        assert given.keys() <= known.keys() - set(TOOL_PARAMETERS)
        assert given, f"nothing to copy in [{kind}]"
    assert example.settings.keys() <= Settings.model_fields.keys()


@pytest.mark.parametrize("orchestrator", ["mwaa", "workflow", "none"])
def test_the_example_is_valid_as_it_is(packaged: Release, orchestrator: str) -> None:
    example = parse_environment("example", EXAMPLE.replace('orchestrator = "mwaa"', f'orchestrator = "{orchestrator}"'))
    assert example.orchestrator == orchestrator
    DeployTarget(example, packaged, packaged).validate()


def test_the_example_itself_is_not_an_environment() -> None:
    with pytest.raises(DeployError, match=r"Copy example\.toml"):
        load_environment("example", command.ENVIRONMENTS)


def test_parameter_values_become_text() -> None:
    environment = parse_environment("x", GOOD + '[pipeline]\na = 3\nb = true\nc = ["x", "y"]\nd = 0.05\n')
    assert environment.parameters["pipeline"] == {"a": "3", "b": "true", "c": "x,y", "d": "0.05"}


def test_the_cloudformation_role_is_optional() -> None:
    assert parse_environment("x", GOOD).cloudformation_role is None
    role = "arn:aws:iam::123456789012:role/cloudformation"
    assert parse_environment("x", f'{GOOD}cloudformation_role = "{role}"\n').cloudformation_role == role
    with pytest.raises(ValueError, match="cloudformation_role: expected the ARN of a role, got 'admin'"):
        parse_environment("x", f'{GOOD}cloudformation_role = "admin"\n')


def test_names_start_with_the_prefix() -> None:
    environment = parse_environment("x", GOOD)
    assert environment.stack_name("mwaa") == "engagement-mwaa"
    assert environment.variable_secret == "engagement/airflow/variables/engagement"


def test_every_fault_is_reported() -> None:
    with pytest.raises(ValueError, match="region") as raised:
        parse_environment("x", 'region = "Europe"\norchestrator = "cron"\npipeline = 1\nsetings = {}\n')
    for message in (
        "region: expected an AWS region such as eu-central-1, got 'Europe'",
        "name_prefix: expected 3 to 30 lowercase letters, digits and hyphens, got None",
        "orchestrator: expected one of mwaa, workflow, none, got 'cron'",
        "pipeline: expected a table",
        "setings: unknown key",
    ):
        assert message in str(raised.value)


@pytest.mark.parametrize("name", ["nowhere", "", "../other"])
def test_an_unknown_environment_lists_the_known_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / "staging.toml").write_text(GOOD)
    with pytest.raises(DeployError, match="existing files: staging"):
        load_environment(name, tmp_path)


def test_a_file_that_is_not_toml_is_reported(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("region = ")
    with pytest.raises(DeployError, match=r"x\.toml: Invalid value"):
        load_environment("x", tmp_path)


@pytest.mark.parametrize(("number", "region"), [("210987654321", "eu-central-1"), ("123456789012", "eu-west-1")])
def test_another_account_than_the_secrets_is_refused(number: str, region: str) -> None:
    secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:crm-token-??????"
    environment = parse_environment(
        "x", f'{GOOD.replace("eu-central-1", region)}[pipeline]\nCrmSecretArn = "{secret}"\n'
    )
    with pytest.raises(DeployError, match=rf"in account 123456789012, eu-central-1, but .* for {number}, {region}"):
        environment.refuse_another_account(number)


def test_the_account_of_the_secret_is_accepted() -> None:
    parse_environment("x", EXAMPLE).refuse_another_account("123456789012")
    parse_environment("x", GOOD).refuse_another_account("1")  # a missing secret is reported elsewhere
