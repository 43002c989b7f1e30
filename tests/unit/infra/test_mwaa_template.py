"""What the Airflow environment's template promises: valid for MWAA, configured as the DAG expects, never replaced."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import pytest
from airflow.configuration import conf
from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend

from engagement.config import DagConfig
from engagement.settings import VARIABLE
from local.aws.cloudformation.resource_schemas import schema
from tests.unit.infra.policies import Request, allowed, listed, matches, statements_of
from tests.unit.infra.resolved import ACCOUNT, PREFIX, REGION, Resolved
from tests.unit.infra.templates import INFRA

LONGEST = {"NamePrefix": "e" * 30}
GIVEN_NETWORK = {"ExistingNetwork": "subnet-0a,subnet-0b,sg-0c"}
TWO_GATEWAYS = {"SecondNatGateway": "true"}
SCHEMA = schema("AWS::MWAA::Environment") or {}


def environment(**given: str) -> dict[str, Any]:
    """The environment's properties with these parameters."""
    found: dict[str, Any] = Resolved("mwaa", given).resources["Environment"]["Properties"]
    return found


def options(**given: str) -> dict[str, str]:
    """Airflow's configuration options with these parameters."""
    found: dict[str, str] = environment(**given)["AirflowConfigurationOptions"]
    return found


# ---- the environment ------------------------------------------------------------------------------------------------


def test_the_smallest_environment_is_the_default_and_has_one_of_each() -> None:
    made = environment()
    assert made["EnvironmentClass"] == "mw1.micro"
    counts = ("Schedulers", "MinWorkers", "MaxWorkers", "MinWebservers", "MaxWebservers")
    # Whatever MaxWorkers says: MWAA refuses two of anything for this class.
    assert {environment(MaxWorkers="5")[name] for name in counts} == {1}


@pytest.mark.parametrize("size", ["mw1.small", "mw1.2xlarge"])
def test_larger_environments_have_two_schedulers_and_web_servers(size: str) -> None:
    made = environment(EnvironmentClass=size, MaxWorkers="5")
    assert [made[name] for name in ("Schedulers", "MinWebservers", "MaxWebservers")] == [2, 2, 2]
    assert (made["MinWorkers"], made["MaxWorkers"]) == (1, "5")


def test_it_runs_the_version_that_the_package_is_tested_with() -> None:
    constrained = re.search(r"apache-airflow==(\S+)", (INFRA.parent / "requirements" / "airflow.txt").read_text())
    assert constrained
    assert environment()["AirflowVersion"] == constrained[1]


def test_it_reads_what_the_deployment_puts_into_the_artifacts_bucket() -> None:
    made = environment()
    assert made["SourceBucketArn"] == f"arn:aws:s3:::{PREFIX}-artifacts-{ACCOUNT}"
    assert made["DagS3Path"] == "dags"
    assert (made["PluginsS3Path"], made["RequirementsS3Path"]) == (
        "releases/0/plugins.zip",
        "releases/0/requirements.txt",
    )


def test_its_page_is_on_the_internet_unless_told_otherwise() -> None:
    assert environment()["WebserverAccessMode"] == "PUBLIC_ONLY"
    known = SCHEMA["definitions"]["WebserverAccessMode"]
    assert Resolved("mwaa").template["Parameters"]["WebserverAccessMode"]["AllowedValues"] == sorted(
        known["enum"], key=["PUBLIC_ONLY", "PUBLIC_AND_PRIVATE", "PRIVATE_ONLY"].index
    )


def test_running_tasks_may_end_before_an_update() -> None:
    assert environment()["WorkerReplacementStrategy"] == "GRACEFUL"


def test_tasks_are_logged_in_full_and_the_rest_when_something_is_wrong() -> None:
    assert environment()["LoggingConfiguration"] == {
        "TaskLogs": {"Enabled": True, "LogLevel": "INFO"},
        **{
            f"{part}Logs": {"Enabled": True, "LogLevel": "WARNING"}
            for part in ("DagProcessing", "Scheduler", "Webserver", "Worker")
        },
    }


def test_the_log_groups_have_the_names_of_mwaa_and_an_end() -> None:
    resolved = Resolved("mwaa")
    groups = resolved.of_type("AWS::Logs::LogGroup")
    assert {group["LogGroupName"] for group in groups.values()} == {
        f"airflow-{PREFIX}-{part}" for part in ("DAGProcessing", "Scheduler", "Task", "WebServer", "Worker")
    }
    assert {group["RetentionInDays"] for group in groups.values()} == {30}
    # MWAA makes those that it does not find, without an end.
    assert set(groups) <= set(resolved.resources["Environment"]["DependsOn"])
    assert not [group for group in groups.values() if "KmsKeyId" in group]
    own_key = Resolved("mwaa", {"EnvironmentKeyArn": "arn:key"}).of_type("AWS::Logs::LogGroup")
    assert {group["KmsKeyId"] for group in own_key.values()} == {"arn:key"}


def test_the_key_is_the_environments_only_when_given() -> None:
    assert "KmsKey" not in environment()
    assert environment(EnvironmentKeyArn="arn:key")["KmsKey"] == "arn:key"


# ---- options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{}, LONGEST])
def test_options_are_such_as_mwaa_takes(given: dict[str, str]) -> None:
    definitions = SCHEMA["definitions"]
    key, value = definitions["ConfigKey"], definitions["ConfigValue"]
    for name, text in options(**given).items():
        assert re.fullmatch(key["pattern"], name), name
        assert len(name) <= key["maxLength"], name
        assert isinstance(text, str), name
        assert 1 <= len(text) <= value["maxLength"], name


def test_options_of_airflow_are_options_that_it_has() -> None:
    known = {
        f"{section}.{option}"
        for section, description in conf.configuration_description.items()
        for option in description["options"]
    }
    own = {name for name in options() if not name.startswith("engagement.")}
    assert own == {
        "core.dags_are_paused_at_creation",
        "core.load_examples",
        "secrets.backend",
        "secrets.backend_kwargs",
        "workers.secrets_backend",
        "workers.secrets_backend_kwargs",
    }
    assert own <= known


def test_defaults_are_those_of_the_dag(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, options())
    fields = {field.name for field in dataclasses.fields(DagConfig)}
    assert {name.removeprefix("engagement.") for name in options() if name.startswith("engagement.")} == fields
    assert DagConfig.read() == DagConfig()


def test_each_parameter_is_its_own_option(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [field.name for field in dataclasses.fields(DagConfig) if field.type == "int" or field.type is int]
    wanted = {name: 1000 + position for position, name in enumerate(numbers)}
    given = {_parameter(name): str(value) for name, value in wanted.items()}
    _set(monkeypatch, options(**given, Timezone="Europe/Berlin", Deferrable="false"))
    assert DagConfig.read() == DagConfig(**wanted, timezone="Europe/Berlin", deferrable=False)
    assert len(numbers) == 11


@pytest.mark.parametrize("section", ["secrets.backend", "workers.secrets_backend"])
def test_the_variable_alone_is_looked_up_in_secrets_manager(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert options()[section] == f"{SecretsManagerBackend.__module__}.{SecretsManagerBackend.__qualname__}"
    backend = SecretsManagerBackend(**json.loads(options()[f"{section}_kwargs"]))
    asked: list[str] = []

    class Manager:
        def get_secret_value(self, **given: str) -> dict[str, str]:
            asked.append(given["SecretId"])
            return {"SecretString": "{}"}

    monkeypatch.setitem(backend.__dict__, "client", Manager())
    assert backend.get_variable(VARIABLE) == "{}"
    assert backend.get_variable(f"{VARIABLE}_more") is None
    assert backend.get_conn_value("aws_default") is None
    assert backend.get_config("sql_alchemy_conn") is None
    assert asked == [f"{PREFIX}/airflow/variables/{VARIABLE}"]
    assert asked == [f"{Resolved('mwaa').outputs['VariableSecretPrefix']}/{VARIABLE}"]


def _set(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    for name, value in given.items():
        section, _, option = name.partition(".")
        if section == "engagement":
            monkeypatch.setenv(f"AIRFLOW__{section.upper()}__{option.upper()}", value)


def _parameter(option: str) -> str:
    return "".join(word.capitalize() for word in option.split("_"))


# ---- what would be lost ---------------------------------------------------------------------------------------------


def test_the_comment_names_all_that_replaces_the_environment() -> None:
    names = {path.rpartition("/")[2] for path in SCHEMA["createOnlyProperties"]}
    comment = re.search(r"# (Name, .*) replace the\s", (INFRA / "mwaa.yaml").read_text())
    assert comment
    assert set(re.split(r", | and ", comment[1])) == names
    assert environment()["Name"] == PREFIX
    assert "EndpointManagement" not in environment()


def test_the_stack_policy_refuses_what_loses_the_history() -> None:
    policy = json.loads((INFRA / "mwaa-stack-policy.json").read_text())
    resources = Resolved("mwaa", TWO_GATEWAYS).resources

    def may(action: str, logical: str) -> bool:
        asked = Request(action, f"LogicalResourceId/{logical}")
        return allowed(policy["Statement"], asked)

    for action in ("Update:Replace", "Update:Delete"):
        kept = {logical for logical in resources if not may(action, logical)}
        assert kept == {
            "Environment",
            "ExecutionRole",
            "Vpc",
            "PrivateSubnetA",
            "PrivateSubnetB",
            "SecurityGroup",
        }
    assert all(may("Update:Modify", logical) for logical in resources)
    assert {one["Principal"] for one in policy["Statement"]} == {"*"}
    for one in policy["Statement"]:
        for pattern in listed(one["Resource"]):
            assert [logical for logical in resources if matches(pattern, f"LogicalResourceId/{logical}")], pattern


def test_airflows_logs_go_with_the_stack() -> None:
    """Or it could not be made again, for their names are fixed."""
    for one in Resolved("mwaa").resources.values():
        if one["Type"] == "AWS::Logs::LogGroup":
            assert (one["DeletionPolicy"], one["UpdateReplacePolicy"]) == ("Delete", "Delete")


# ---- role and outputs -----------------------------------------------------------------------------------------------


def test_only_this_environment_of_mwaa_takes_the_role() -> None:
    role = Resolved("mwaa").resources["ExecutionRole"]["Properties"]
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["airflow.amazonaws.com", "airflow-env.amazonaws.com"]},
            "Action": "sts:AssumeRole",
            "Condition": {
                "ArnLike": {"aws:SourceArn": f"arn:aws:airflow:{REGION}:{ACCOUNT}:environment/{PREFIX}"},
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
            },
        }
    ]
    assert role["ManagedPolicyArns"] == [f"arn:aws:iam::{ACCOUNT}:policy/{PREFIX}-pipeline-OrchestratorPolicy-X"]


def test_wildcards_are_those_that_mwaa_documents() -> None:
    statements = statements_of(Resolved("mwaa"), "ExecutionRole")
    everywhere = {one["Sid"] for one in statements if "*" in listed(one.get("Resource", []))}
    assert everywhere == {"SeeThatNothingIsPublic", "FindLogs", "WriteMetrics"}
    families = {
        action for one in statements if one["Effect"] == "Allow" for action in listed(one["Action"]) if "*" in action
    }
    assert families == {"s3:GetObject*", "s3:GetBucket*", "s3:List*", "kms:GenerateDataKey*"}


@pytest.mark.parametrize(
    ("given", "key", "via", "may"),
    [
        ({}, f"arn:aws:kms:{REGION}:999999999999:key/1", "sqs", True),
        ({}, f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1", "sqs", False),
        ({}, f"arn:aws:kms:{REGION}:999999999999:key/1", "s3", False),
        (
            {"EnvironmentKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"},
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
            "sqs",
            True,
        ),
        (
            {"EnvironmentKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"},
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/2",
            "sqs",
            False,
        ),
        ({"KeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"}, f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1", "s3", True),
        ({"KeyArn": ""}, f"arn:aws:kms:{REGION}:{ACCOUNT}:key/Key", "s3", False),
    ],
)
def test_keys_that_airflow_may_use(given: dict[str, str], key: str, via: str, may: bool) -> None:
    request = Request("kms:Decrypt", key, {"kms:ViaService": f"{via}.{REGION}.amazonaws.com"})
    assert allowed(statements_of(Resolved("mwaa", given), "ExecutionRole"), request) is may


def test_the_role_has_a_boundary_only_when_given() -> None:
    given = Resolved("mwaa", {"PermissionsBoundaryArn": "arn:boundary"}).resources["ExecutionRole"]["Properties"]
    assert given["PermissionsBoundary"] == "arn:boundary"
    assert (
        "PermissionsBoundary"
        not in Resolved("mwaa", {"PermissionsBoundaryArn": ""}).resources["ExecutionRole"]["Properties"]
    )


def test_outputs_are_what_the_deployment_looks_for() -> None:
    resolved = Resolved("mwaa")
    assert set(resolved.outputs) == {
        "EnvironmentName",
        "EnvironmentArn",
        "WebserverUrl",
        "ExecutionRoleArn",
        "VariableSecretPrefix",
        "Scheduler",
    }
    assert resolved.outputs["EnvironmentName"] == PREFIX
    assert resolved.outputs["VariableSecretPrefix"] == f"{PREFIX}/airflow/variables"


def test_cloudformation_refuses_two_schedulers_of_one_pipeline() -> None:
    names = {
        name: resolved.evaluate(resolved.template["Outputs"]["Scheduler"]["Export"]["Name"])
        for name in ("mwaa", "workflow")
        if (resolved := Resolved(name))
    }
    assert names == {"mwaa": f"{PREFIX}-scheduler", "workflow": f"{PREFIX}-scheduler"}
