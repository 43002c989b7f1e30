"""MWAA environments whose Airflow really runs: made and updated by CloudFormation, asked through MWAA's API.

Starting Airflow is what takes the time, so one environment serves all tests of this file.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from local import s3
from local.processes import REPOSITORY, stand_in

if TYPE_CHECKING:
    from tests.local.aws.conftest import Stack

pytestmark = pytest.mark.timeout(900)  # a start of Airflow, on a machine that may be busy
NAME = "of-the-tests"
BUCKET = "engagement-artifacts-123456789012"
MARKER = """
from airflow.plugins_manager import AirflowPlugin

class Marker(AirflowPlugin):
    name = "marker_of_the_tests"
"""
TEMPLATE = yaml.safe_dump(
    {
        "Parameters": {"PluginsKey": {"Type": "String"}, "Name": {"Type": "String", "Default": NAME}},
        "Resources": {
            "Environment": {
                "Type": "AWS::MWAA::Environment",
                "Properties": {
                    "Name": {"Ref": "Name"},
                    "AirflowVersion": "3.2.1",
                    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/airflow",
                    "SourceBucketArn": f"arn:aws:s3:::{BUCKET}",
                    "DagS3Path": "dags",
                    "PluginsS3Path": {"Ref": "PluginsKey"},
                    "RequirementsS3Path": "requirements.txt",
                    "AirflowConfigurationOptions": {"core.dags_are_paused_at_creation": "True"},
                },
            }
        },
        "Outputs": {"Url": {"Value": {"Fn::GetAtt": ["Environment", "WebserverUrl"]}}},
    }
)


def plugins(**more: str) -> bytes:
    folder, archive = REPOSITORY / "plugins", io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                zipped.write(path, path.relative_to(folder))
        for name, text in more.items():
            zipped.writestr(f"{name}.py", text)
    return archive.getvalue()


def client(service: str, url: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        aws_access_key_id=s3.ACCESS_KEY,
        aws_secret_access_key=s3.SECRET_KEY,
        region_name=s3.REGION,
        config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False),
    )


def until(look: Callable[[], Any], seconds: float = 420) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing after {seconds} s"
        time.sleep(0.3)
    return found


def processes_with(text: str) -> list[int]:
    """Processes whose environment or command line names this folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            told = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
            if text.encode() in told and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found


class World:
    """One environment and the APIs around it."""

    def __init__(self, aws_url: str, scratch: Path) -> None:
        self.formation, self.mwaa = client("cloudformation", aws_url), client("mwaa", aws_url)
        self.homes = str(scratch / "mwaa" / NAME)

    def deploy(self, stack_name: str, kind: str, **parameters: str) -> dict[str, Any]:
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        act = self.formation.create_stack if kind == "CREATE" else self.formation.update_stack
        act(StackName=stack_name, TemplateBody=TEMPLATE, Parameters=given)
        return self.settled(stack_name)

    def settled(self, stack_name: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            (found,) = self.formation.describe_stacks(StackName=stack_name)["Stacks"]
            return None if found["StackStatus"].endswith("_IN_PROGRESS") else dict(found)

        return dict(until(look))

    def failures(self, stack_name: str) -> list[str]:
        events = self.formation.describe_stack_events(StackName=stack_name)["StackEvents"]
        return [event["ResourceStatusReason"] for event in events if event["ResourceStatus"].endswith("_FAILED")]

    def call(self, method: str, path: str, **asked: Any) -> Any:
        return self.mwaa.invoke_rest_api(Name=NAME, Method=method, Path=path, **asked)["RestApiResponse"]

    def environment(self) -> dict[str, Any]:
        return dict(self.mwaa.get_environment(Name=NAME)["Environment"])


@pytest.fixture(scope="module")
def world(stack: Stack) -> Iterator[World]:
    objects = stack.client("s3")
    for path in (REPOSITORY / "dags").glob("*.py"):
        objects.upload_file(str(path), BUCKET, f"dags/{path.name}")
    objects.upload_file(str(REPOSITORY / "requirements.txt"), BUCKET, "requirements.txt")
    objects.put_object(Bucket=BUCKET, Key="releases/a/plugins.zip", Body=plugins())
    objects.put_object(Bucket=BUCKET, Key="releases/b/plugins.zip", Body=plugins(marker=MARKER))
    objects.put_object(Bucket=BUCKET, Key="releases/broken/plugins.zip", Body=b"no archive")
    made = World(stack.aws_url, stack.scratch)
    made.formation.create_stack(
        StackName="environment",
        TemplateBody=TEMPLATE,
        Parameters=[{"ParameterKey": "PluginsKey", "ParameterValue": "releases/a/plugins.zip"}],
    )
    assert made.environment()["Status"] == "CREATING"
    assert made.settled("environment")["StackStatus"] == "CREATE_COMPLETE"
    yield made
    assert processes_with(made.homes), "this check sees nothing"
    made.formation.delete_stack(StackName="environment")
    until(lambda: not processes_with(made.homes), 20)
    with pytest.raises(ClientError, match="does not exist"):
        made.environment()


def test_airflow_runs_what_was_deployed(world: World, stack: Stack) -> None:
    told = world.environment()
    assert (told["Status"], told["LastUpdate"]["Status"], told["AirflowVersion"]) == ("AVAILABLE", "SUCCESS", "3.2.1")
    assert NAME in world.mwaa.list_environments()["Environments"]
    (dag,) = until(lambda: world.call("GET", "/dags")["dags"])
    assert (dag["dag_id"], dag["is_paused"]) == ("customer_engagement_scoring", True)
    assert world.call("GET", "/importErrors")["import_errors"] == []
    logs = stack.client("logs").get_log_events(
        logGroupName=f"airflow-{NAME}-Worker", logStreamName="requirements_install_1", startFromHead=True
    )
    said = [event["message"] for event in logs["events"]]
    assert said[0] == "Constraints: /usr/local/airflow/plugins/constraints.txt"
    assert any(line.startswith("Requirement already satisfied: apache-airflow-providers-amazon==") for line in said)
    assert not [line for line in said if "ERROR" in line]


def test_the_rest_api_is_asked_as_an_administrator(world: World) -> None:
    pool = {"name": "of-this-test", "slots": 1, "include_deferred": True}
    assert world.call("POST", "/pools", Body=pool)["slots"] == 1
    listed = world.call("GET", "/pools", QueryParameters={"pool_name_pattern": "of-this"})
    assert [item["name"] for item in listed["pools"]] == ["of-this-test"]
    with pytest.raises(ClientError) as conflict:
        world.call("POST", "/pools", Body=pool)
    assert conflict.value.response["Error"]["Code"] == "RestApiClientException"
    assert conflict.value.response["RestApiStatusCode"] == 409
    with pytest.raises(ClientError, match="length from 1 to 64"):
        world.call("GET", "/dags/" + "x" * 64)


def test_airflow_asks_for_a_login(world: World) -> None:
    import requests

    url = f"http://{world.environment()['WebserverUrl']}"
    assert requests.get(f"{url}/api/v2/dags", timeout=30).status_code == 401
    wrong = {"username": "mwaa", "password": "mwaa"}
    assert requests.post(f"{url}/auth/token", json=wrong, timeout=30).status_code == 401


def test_an_update_brings_new_plugins_and_keeps_the_history(world: World) -> None:
    def names() -> list[str]:
        return [item["name"] for item in world.call("GET", "/plugins")["plugins"]]

    with contextlib.suppress(ClientError):
        world.call("POST", "/pools", Body={"name": "kept", "slots": 2})
    before = names()
    assert "marker_of_the_tests" not in before
    updated = world.deploy("environment", "UPDATE", PluginsKey="releases/b/plugins.zip")
    assert updated["StackStatus"] == "UPDATE_COMPLETE"
    assert sorted(names()) == sorted([*before, "marker_of_the_tests"])
    assert world.call("GET", "/pools/kept")["slots"] == 2
    assert updated["Outputs"][0]["OutputValue"] == world.environment()["WebserverUrl"]
    broken = world.deploy("environment", "UPDATE", PluginsKey="releases/broken/plugins.zip")
    assert broken["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "is no zip archive" in world.failures("environment")[0]
    assert "marker_of_the_tests" in names()
    assert world.environment()["PluginsS3Path"] == "releases/b/plugins.zip"


def test_an_environment_without_its_code_is_not_made(world: World) -> None:
    failed = world.deploy("without-code", "CREATE", Name="without-code", PluginsKey="releases/none/plugins.zip")
    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "found no object releases/none/plugins.zip" in world.failures("without-code")[0]
    assert "without-code" not in world.mwaa.list_environments()["Environments"]
    world.formation.delete_stack(StackName="without-code")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_stand_in(tmp_path: Path, number: signal.Signals) -> None:
    for name, content in (("plugins.zip", plugins()), ("requirements.txt", b"")):
        (tmp_path / "s3" / BUCKET).mkdir(parents=True, exist_ok=True)
        (tmp_path / "s3" / BUCKET / name).write_bytes(content)
    where = ["--root", str(tmp_path / "s3"), "--scratch", str(tmp_path / "glue"), "--s3-url", "http://127.0.0.1:9"]
    with stand_in("local.aws", where, tmp_path / "aws.log") as url:
        client("cloudformation", url).create_stack(
            StackName="short",
            TemplateBody=TEMPLATE,
            Parameters=[{"ParameterKey": "PluginsKey", "ParameterValue": "plugins.zip"}],
        )
        home = str(tmp_path / "glue" / "mwaa")
        until(lambda: processes_with(home))
        if number == signal.SIGKILL:
            found = subprocess.run(["pgrep", "-f", str(tmp_path / "glue")], capture_output=True, text=True).stdout
            for pid in map(int, found.split()):
                if b"local.aws\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, number)
    until(lambda: not processes_with(home), 20)
