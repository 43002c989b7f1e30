"""A compose stack for tests: a project, ports and secrets of its own, from `make up` to `make down`."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from local.compose import credentials
from local.compose.project import REPOSITORY, Project
from local.stack import RunningStack, outputs_of
from tests.compose.airflow_api import Airflow
from tests.support.waiting import PATIENCE

PORTS = ("AIRFLOW", "S3", "FILES", "AWS", "CRM")
# Until another machine's open connection holds bytes that nobody has read.
_UNTIL_ASKED = """
import pathlib, time
def is_asked(line):
    _, _, remote, state, queues, *_ = line.split()
    is_local = remote.partition(":")[0].endswith(("0100007F", "01000000"))  # 127.0.0.1 and ::1
    return state == "01" and not is_local and int(queues.partition(":")[2], 16) > 0
def lines():
    for table in ("tcp", "tcp6"):
        yield from pathlib.Path("/proc/net", table).read_text().splitlines()[1:]
while not any(map(is_asked, lines())):
    time.sleep(0.1)
"""
UP_SECONDS = 1_200


@dataclass(frozen=True)
class Running:
    """The stack as it is up."""

    project: Project
    env: dict[str, str] = field(repr=False)  # passwords and tokens are not for the traceback of a failed test

    def url(self, name: str) -> str:
        """Where one of PORTS answers."""
        return f"http://127.0.0.1:{self.env[f'ENGAGEMENT_{name}_PORT']}"

    @property
    def airflow(self) -> Airflow:
        """Airflow, logged in."""
        return Airflow(self.url("AIRFLOW"), self.env["ENGAGEMENT_LOGIN_PASSWORD"])

    @cached_property
    def world(self) -> RunningStack:
        """The world outside Airflow: S3, the AWS APIs and the CRM."""
        token = self.env["ENGAGEMENT_CRM_TOKEN"]
        urls = self.url("S3"), self.url("AWS"), self.url("CRM")
        return RunningStack(self.project.env_file.parent, *urls, outputs=outputs_of(self.url("AWS")), token=token)

    def docker(self, do: str, *services: str) -> None:
        """`docker start` or `stop` the containers of services. Raises CalledProcessError."""
        found = self.project.containers()
        command = ["docker", do, *(found[service].id for service in services)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)

    def kill(self, *services: str) -> None:
        """Kill the containers of services, and wait until they have ended. Raises CalledProcessError."""
        self.docker("kill", *services)
        self.docker("wait", *services)

    def execute(self, service: str, *command: str) -> None:
        """Run a command in a service's container. Raises CalledProcessError."""
        container = self.project.containers()[service].id
        subprocess.run(["docker", "exec", container, *command], check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)

    def freeze(self, service: str) -> None:
        """Let a service hang: it takes connections, and answers none. Raises CalledProcessError.

        `docker pause` would do, but for the health checks: it fails, or never ends, beside one that starts just then.
        """
        self.execute(service, "bash", "-c", "kill -STOP -1")  # all processes but the first and this one

    def thaw(self, service: str) -> None:
        """Let it answer again. Raises CalledProcessError."""
        self.execute(service, "bash", "-c", "kill -CONT -1")

    def await_request(self, service: str) -> None:
        """Wait until somebody has asked a frozen service for something. Raises TimeoutExpired."""
        self.execute(service, "python", "-c", _UNTIL_ASKED)

    @contextlib.contextmanager
    def frozen(self, service: str) -> Iterator[None]:
        """Let a service hang in the block."""
        self.freeze(service)
        try:
            yield
        finally:
            self.thaw(service)


def up(project: Project) -> None:
    """Bring the project up, or up to date with its env file. Raises CalledProcessError."""
    _make(project, "up")


@contextlib.contextmanager
def running(folder: Path, name: str, **settings: Any) -> Iterator[Running]:
    """`make up` from nothing, and `make down`; or the stack that is up as project ENGAGEMENT_TEST_PROJECT
    with the env file ENGAGEMENT_TEST_ENV_FILE, which is left as it is.

    :param folder: where the env file is kept
    :param name: of the Compose project
    :param settings: further variables of the env file, without their prefix: `SEED_ROWS=200`
    """
    if attached := os.environ.get("ENGAGEMENT_TEST_ENV_FILE"):
        project = Project(Path(attached), os.environ["ENGAGEMENT_TEST_PROJECT"])
        yield Running(project, credentials.read(project.env_file))
        return
    env_file = folder / ".env"
    chosen = {**{f"{port}_PORT": number for port, number in _free_ports().items()}, **settings}
    env_file.write_text("".join(f"ENGAGEMENT_{variable}={value}\n" for variable, value in chosen.items()))
    project = Project(env_file, name)
    _make(project, "down")  # what an interrupted run may have left
    began = time.monotonic()
    try:
        up(project)
        print(f"\nup after {time.monotonic() - began:.0f} s", flush=True)
        yield Running(project, credentials.read(env_file))
    finally:
        _make(project, "down")
    if left := project.containers():
        raise AssertionError(f"`make down` left {', '.join(left)}")


def _make(project: Project, do: str) -> None:
    command = [sys.executable, "-m", "local.compose", "--env-file", str(project.env_file), "--project", project.name]
    subprocess.run([*command, do], cwd=REPOSITORY, check=True, timeout=UP_SECONDS)


def _free_ports() -> dict[str, int]:
    with contextlib.ExitStack() as held:  # all at once, so that no two are the same
        found = {}
        for name in PORTS:
            listener = held.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            found[name] = listener.getsockname()[1]
        return found
