"""The template of the Airflow environment: valid for MWAA, configured for the DAG, never replaced."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import pytest
from airflow.configuration import conf
from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend

from engagement.config.dag_config import DagConfig
from engagement.config.settings import VARIABLE
from tests.unit.infra.deployed import ACCOUNT, INFRA, KEY, PREFIX, REGION, Deployed, deployed
from tests.unit.infra.policies import Request, allowed, listed, matches, statements_of
from tests.unit.infra.resource_schemas import schema

SCHEMA = schema("AWS::MWAA::Environment")


def environment(**given: str) -> dict[str, Any]:
    """Return the properties of the environment with these parameters."""
    properties: dict[str, Any] = Deployed("mwaa", **given).properties("Environment")
    return properties


def options(**given: str) -> dict[str, str]:
    """Return Airflow's configuration options with these parameters."""
    values: dict[str, str] = environment(**given)["AirflowConfigurationOptions"]
    return values


# ---- the environment ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "count", "workers"), [("mw1.micro", 1, 1), ("mw1.small", 2, 5)])
def test_component_counts_are_valid_for_the_class(size: str, count: int, workers: int) -> None:
    made = environment(EnvironmentClass=size, MaxWorkers="5")
    assert [made[name] for name in ("Schedulers", "MinWebservers", "MaxWebservers")] == [count] * 3
    assert (made["MinWorkers"], made["MaxWorkers"]) == (1, workers)


def test_the_version_of_airflow_is_the_tested_one() -> None:
    pinned = re.search(r"apache-airflow==(\S+)", (INFRA.parent / "requirements" / "airflow.txt").read_text())
    assert pinned
    assert environment()["AirflowVersion"] == pinned[1]


def test_the_source_is_the_artifacts_bucket() -> None:
    assert environment()["SourceBucketArn"] == deployed("pipeline").arn("ArtifactsBucket")
    assert environment()["DagS3Path"] == "dags"


def test_mwaa_logs_to_groups_with_a_retention() -> None:
    """MWAA creates missing groups without a retention."""
    made = deployed("mwaa")
    groups = made.of_type("AWS::Logs::LogGroup")
    parts = {part.removesuffix("Logs") for part in made.properties("Environment")["LoggingConfiguration"]}
    spelling = {"DagProcessing": "DAGProcessing", "Webserver": "WebServer"}
    names = {f"airflow-{PREFIX}-{spelling.get(part, part)}" for part in parts}
    assert {group["LogGroupName"] for group in groups.values()} == names
    assert set(groups) <= set(made.resources["Environment"]["DependsOn"])
    # They are deleted with the stack, because it could not be created again otherwise.
    assert {made.resources[name]["DeletionPolicy"] for name in groups} == {"Delete"}


# ---- options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{}, {"NamePrefix": "e" * 30}])
def test_options_are_valid_for_mwaa(given: dict[str, str]) -> None:
    key, value = SCHEMA["definitions"]["ConfigKey"], SCHEMA["definitions"]["ConfigValue"]
    for name, text in options(**given).items():
        assert re.fullmatch(key["pattern"], name), name
        assert len(name) <= key["maxLength"], name
        assert isinstance(text, str), name
        assert 1 <= len(text) <= value["maxLength"], name


def test_options_exist_in_airflow() -> None:
    sections = conf.configuration_description.items()
    known = {f"{section}.{option}" for section, description in sections for option in description["options"]}
    own = {name for name in options() if not name.startswith("engagement.")}
    assert own <= known
    assert {"core.dags_are_paused_at_creation", "secrets.backend", "workers.secrets_backend"} <= own


def test_defaults_are_equal_to_those_of_the_dag(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, options())
    fields = {field.name for field in dataclasses.fields(DagConfig)}
    # MWAA accepts no empty values.
    assert engagement_options() == fields - {"region_name"}
    assert engagement_options(RegionName="eu-central-1") == fields
    assert DagConfig.read() == DagConfig()


def test_each_parameter_sets_its_own_option(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [field.name for field in dataclasses.fields(DagConfig) if field.type == "int" or field.type is int]
    values = {name: 1000 + position for position, name in enumerate(numbers)}
    given = {"".join(word.capitalize() for word in name.split("_")): str(value) for name, value in values.items()}
    given |= {"AwsConnId": "aws_crm", "RegionName": "eu-central-1", "Pool": "crm"}
    given |= {"Timezone": "Europe/Berlin", "Schedule": "30 4 * * 1-5", "StartDate": "2026-06-01"}
    configure(monkeypatch, options(**given, Deferrable="false"))
    assert DagConfig.read() == DagConfig(
        **values,
        timezone="Europe/Berlin",
        schedule="30 4 * * 1-5",
        start_date="2026-06-01",
        aws_conn_id="aws_crm",
        region_name="eu-central-1",
        pool="crm",
        deferrable=False,
    )
    assert len(numbers) > 5


@pytest.mark.parametrize(
    ("parameter", "accepted", "refused"),
    [
        ("Schedule", ["0 3 * * *", "none", "@daily", "*/5 0 1,15 * MON"], ["", "0 3 * *", "daily"]),
        ("StartDate", ["2026-06-01"], ["", "2026-6-1", "01.06.2026"]),
        ("AwsConnId", ["aws_default", "team/aws.crm"], ["", "my aws"]),
        ("RegionName", ["", "eu-central-1", "us-gov-west-1"], ["Frankfurt", "eu-central-1a"]),
        ("Pool", ["engagement", "crm_jobs-1"], ["", "a pool", "p" * 51]),
    ],
)
def test_a_text_that_the_dag_refuses_is_no_parameter(parameter: str, accepted: list[str], refused: list[str]) -> None:
    pattern = deployed("mwaa").template["Parameters"][parameter]["AllowedPattern"]
    assert [text for text in accepted + refused if re.fullmatch(pattern, text)] == accepted


def engagement_options(**given: str) -> set[str]:
    """Return the names of the options of the section [engagement]."""
    names = (name.partition(".") for name in options(**given))
    return {option for section, _, option in names if section == "engagement"}


def configure(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    for name, value in given.items():
        section, _, option = name.partition(".")
        if section == "engagement":
            monkeypatch.setenv(f"AIRFLOW__{section.upper()}__{option.upper()}", value)


@pytest.mark.parametrize("section", ["secrets.backend", "workers.secrets_backend"])
def test_only_the_variable_is_read_from_secrets_manager(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert options()[section] == f"{SecretsManagerBackend.__module__}.{SecretsManagerBackend.__qualname__}"
    backend = SecretsManagerBackend(**json.loads(options()[f"{section}_kwargs"]))
    requested: list[str] = []

    class Manager:
        def get_secret_value(self, **given: str) -> dict[str, str]:
            requested.append(given["SecretId"])
            return {"SecretString": "{}"}

    monkeypatch.setitem(backend.__dict__, "client", Manager())
    assert backend.get_variable(VARIABLE) == "{}"
    assert backend.get_variable(f"{VARIABLE}_more") is None
    assert backend.get_conn_value("aws_default") is None
    assert backend.get_config("sql_alchemy_conn") is None
    assert requested == [f"{deployed('mwaa').outputs['VariableSecretPrefix']}/{VARIABLE}"]


# ---- replacement ----------------------------------------------------------------------------------------------------


def test_the_comment_names_all_create_only_properties() -> None:
    names = {path.rpartition("/")[2] for path in SCHEMA["createOnlyProperties"]}
    comment = re.search(r"# (Name, .*) replace the\s", (INFRA / "mwaa.yaml").read_text())
    assert comment
    assert set(re.split(r", | and ", comment[1])) == names


def test_the_stack_policy_protects_the_history() -> None:
    policy = json.loads((INFRA / "mwaa-stack-policy.json").read_text())["Statement"]
    resources = deployed("mwaa", "everything").resources

    def refused(action: str) -> set[str]:
        return {name for name in resources if not allowed(policy, Request(action, f"LogicalResourceId/{name}"))}

    kept = {"Environment", "ExecutionRole", "Vpc", "PrivateSubnetA", "PrivateSubnetB", "SecurityGroup"}
    assert refused("Update:Replace") == refused("Update:Delete") == kept
    assert refused("Update:Modify") == set()
    named = [pattern.removeprefix("LogicalResourceId/") for one in policy for pattern in listed(one["Resource"])]
    assert [name for name in named if not any(matches(name, one) for one in resources)] == []


# ---- keys -----------------------------------------------------------------------------------------------------------

OTHER = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/other"
OF_MWAA = f"arn:aws:kms:{REGION}:999999999999:key/1"


@pytest.mark.parametrize(
    ("given", "key", "via", "may"),
    [
        ({}, OF_MWAA, "sqs", True),
        ({}, OTHER, "sqs", False),
        ({}, OF_MWAA, "s3", False),
        ({"EnvironmentKeyArn": KEY}, KEY, "sqs", True),
        ({"EnvironmentKeyArn": KEY}, OTHER, "sqs", False),
        ({"KeyArn": KEY}, KEY, "s3", True),
        ({"KeyArn": ""}, KEY, "s3", False),
    ],
)
def test_airflow_may_use_only_its_keys(given: dict[str, str], key: str, via: str, may: bool) -> None:
    request = Request("kms:Decrypt", key, {"kms:ViaService": f"{via}.{REGION}.amazonaws.com"})
    assert allowed(statements_of(Deployed("mwaa", **given), "ExecutionRole"), request) is may
