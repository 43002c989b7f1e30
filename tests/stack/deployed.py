"""An emulated AWS account, and a repository that the deploy tool's own command deploys to it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from infra.deploy.airflow.airflow_api import AirflowApi
from local.extract import write_extract
from local.s3_emulator import REGION
from local.stack import Emulators, running_emulators
from tests.unit.infra.deploy.checkout import Checkout

ACCOUNT = "123456789012"
TOKEN = "a-token-for-tests"
# The tool's Python loads this first: it records each AWS call, and kills the process after a chosen one.
_WATCHER = """
import json, os, signal
import botocore.client

_call = botocore.client.BaseClient._make_api_call
_counts = {}

def _watched(self, operation, parameters):
    answer = _call(self, operation, parameters)
    name = operation if operation != "InvokeRestApi" else f"{operation} {parameters['Method']}"
    with open(os.environ["TEST_CALLS"], "a") as calls:
        print(name, file=calls)
    _counts[operation] = _counts.get(operation, 0) + 1
    if os.environ.get("TEST_KILL") == f"{operation}:{_counts[operation]}":
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

botocore.client.BaseClient._make_api_call = _watched
"""
_READS = ("Get", "List", "Describe", "Head", "InvokeRestApi GET")
_TEMPORARY = ("CreateChangeSet", "DeleteChangeSet")


class Cloud(Emulators):
    """The emulators of one account, and the fake CRM."""

    @property
    def env(self) -> dict[str, str]:
        """Environment of the deploy tool for this account."""
        return {**super().env, "AWS_DISABLE_HOST_PREFIX_INJECTION": "true"}


@contextlib.contextmanager
def cloud(folder: Path) -> Iterator[Cloud]:
    """Run an account; end everything in it on exit."""
    with running_emulators(folder, TOKEN, scheduler=True) as started:
        made = Cloud(**vars(started))
        made.client("secretsmanager").create_secret(Name="crm-token", SecretString=TOKEN)
        yield made


@dataclass(frozen=True)
class Ended:
    """An ended run of the tool: its output and its AWS calls."""

    exit_code: int
    out: str
    calls: list[str]
    seconds: float

    @property
    def last(self) -> str:
        """The last line of output, without its time."""
        return self.out.rstrip().splitlines()[-1].partition(" s  ")[2]

    @property
    def writes(self) -> list[str]:
        """Calls that change something; creating and deleting a change set does not count."""
        return [call for call in self.calls if not call.startswith(_READS) and call not in _TEMPORARY]


@dataclass
class Site:
    """One environment of the account, deployed from its own checkout.

    :param prefix: NamePrefix, unique within the account
    """

    cloud: Cloud
    folder: Path
    prefix: str
    orchestrator: str
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.checkout = Checkout(self.folder / "repository")
        watcher = self.folder / "watcher"
        watcher.mkdir()
        (watcher / "sitecustomize.py").write_text(_WATCHER)
        self.configure()

    def configure(self, **settings: Any) -> str:
        """Commit the environment file with changed settings; return the commit's hash."""
        self.settings |= settings
        secret = self.cloud.client("secretsmanager").describe_secret(SecretId="crm-token")["ARN"]
        given = {"base_url": self.cloud.crm_url, "credential_id": "crm-token", "allow_http": True, **self.settings}
        # Other than the defaults, so that all parts have to read them.
        options = {"Pool": "crm-jobs", "RegionName": REGION}
        key = "activity/dt={year}-{month}-{day}/activity.parquet"
        quick = {"SensorPokeSeconds": 1, "GluePollSeconds": 1, "RetryDelaySeconds": 1}
        jobs = {"BaseUrl": self.cloud.crm_url, "CrmSecretId": "crm-token", "AllowHttp": "true", "ActivityKey": key}
        tables = {
            "pipeline": {"CrmSecretArn": secret},
            "mwaa": quick | options,
            "workflow": jobs,
            "settings": given | {"activity_key": key},
        }
        head = {"region": REGION, "name_prefix": self.prefix, "orchestrator": self.orchestrator}
        lines = _toml(head) + [line for name, table in tables.items() for line in (f"[{name}]", *_toml(table))]
        (self.checkout.folder / "infra" / "environments" / "test.toml").write_text("\n".join(lines) + "\n")
        return self.checkout.commit("configure")

    def run(self, command: str, *arguments: str, kill: str = "") -> Ended:
        """Run the tool.

        :param kill: `OPERATION:N` to kill the process after the N-th call of that operation
        """
        calls = self.folder / "calls"
        calls.write_text("")
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-B", "-m", "infra.deploy", command, "--env", "test", *arguments],
            cwd=self.checkout.folder,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
                **self.cloud.env,
                "PYTHONPATH": str(self.folder / "watcher"),
                "TEST_CALLS": str(calls),
                "TEST_KILL": kill,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (done.returncode == -signal.SIGKILL) == bool(kill), done.stdout
        return Ended(done.returncode, done.stdout, calls.read_text().splitlines(), time.monotonic() - began)

    def deploy(self, *arguments: str) -> Ended:
        """Deploy and expect success."""
        ended = self.run("deploy", *arguments)
        assert ended.exit_code == 0, ended.out
        return ended

    @property
    def bucket(self) -> str:
        """The artifacts bucket."""
        return f"{self.prefix}-artifacts-{ACCOUNT}"

    def objects(self, under: str = "") -> dict[str, bytes]:
        """Return the objects of the artifacts bucket by key."""
        root = self.cloud.folder / "s3" / self.bucket
        files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
        return {key: path.read_bytes() for key, path in sorted(files.items()) if key.startswith(under)}

    def statuses(self) -> dict[str, str]:
        """Return the status of each stack of this site."""
        stacks = self.cloud.client("cloudformation").describe_stacks()["Stacks"]
        return {
            stack["StackName"].removeprefix(f"{self.prefix}-"): stack["StackStatus"]
            for stack in stacks
            if stack["StackName"].startswith(f"{self.prefix}-")
        }

    def job(self, name: str) -> dict[str, Any]:
        """Return a Glue job of this site, such as `score-users`."""
        found: dict[str, Any] = self.cloud.client("glue").get_job(JobName=f"{self.prefix}-{name}")["Job"]
        return found

    def upload_activity(self, score_date: str, rows: int) -> Path:
        """Generate and upload an extract; return the local file."""
        path = self.folder / "activity.parquet"
        write_extract(path, rows, date.fromisoformat(score_date))
        key = f"activity/dt={score_date}/activity.parquet"
        self.cloud.client("s3").upload_file(str(path), f"{self.prefix}-activity-{ACCOUNT}", key)
        return path

    def airflow(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call the site's Airflow through MWAA, as the tool does."""
        return AirflowApi(self.cloud.client("mwaa"), self.prefix).call(method, path, body=dict(body) if body else None)

    def await_run(self, dag: str, run: str) -> str:
        """Wait until a DAG run ends; return its state."""
        deadline = time.monotonic() + 600
        while True:
            runs = self.airflow("GET", f"/dags/{dag}/dagRuns")["dag_runs"]
            (state,) = [str(one["state"]) for one in runs if one["dag_run_id"] == run]
            if state in ("success", "failed"):
                return state
            assert time.monotonic() < deadline, f"{run} is {state}"
            time.sleep(1)


def _toml(table: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {json.dumps(value)}" for name, value in table.items()]
