"""A compose stack for tests, with its own project name, ports and secrets, from `make up` to `make down`."""

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
from tests.support.waiting import MAX_WAIT_SECONDS

PORTS = ("AIRFLOW", "S3", "FILES", "AWS", "CRM")
# Waits until an open connection from another machine has unread bytes.
_WAIT_FOR_REQUEST = """
import pathlib, time
def has_unread_request(line):
    _, _, remote, state, queues, *_ = line.split()
    is_local = remote.partition(":")[0].endswith(("0100007F", "01000000"))  # 127.0.0.1 and ::1
    return state == "01" and not is_local and int(queues.partition(":")[2], 16) > 0
def connections():
    for table in ("tcp", "tcp6"):
        yield from pathlib.Path("/proc/net", table).read_text().splitlines()[1:]
while not any(map(has_unread_request, connections())):
    time.sleep(0.1)
"""
UP_SECONDS = 1_200


@dataclass(frozen=True)
class ComposeStack:
    """A running stack.

    :param env: variables of the env file
    """

    project: Project
    env: dict[str, str] = field(repr=False)  # keeps passwords and tokens out of tracebacks

    def url(self, name: str) -> str:
        """Return the URL of one of PORTS."""
        return f"http://127.0.0.1:{self.env[f'ENGAGEMENT_{name}_PORT']}"

    @property
    def airflow(self) -> Airflow:
        """A new login to Airflow."""
        return Airflow(self.url("AIRFLOW"), self.env["ENGAGEMENT_LOGIN_PASSWORD"])

    @cached_property
    def emulators(self) -> RunningStack:
        """S3, AWS and the CRM of the stack."""
        token = self.env["ENGAGEMENT_CRM_TOKEN"]
        urls = self.url("S3"), self.url("AWS"), self.url("CRM")
        return RunningStack(self.project.env_file.parent, *urls, outputs=outputs_of(self.url("AWS")), token=token)

    def docker(self, command: str, *services: str) -> None:
        """Run a Docker command, such as `start`, on the containers of services.

        :raises CalledProcessError: when it fails
        """
        containers = self.project.containers()
        arguments = ["docker", command, *(containers[service].id for service in services)]
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, timeout=MAX_WAIT_SECONDS)

    def kill(self, *services: str) -> None:
        """Kill the containers of services, and wait until they have ended."""
        self.docker("kill", *services)
        self.docker("wait", *services)

    def execute(self, service: str, *command: str) -> None:
        """Run a command in the container of a service.

        :raises CalledProcessError: when it fails
        """
        arguments = ["docker", "exec", self.project.containers()[service].id, *command]
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, timeout=MAX_WAIT_SECONDS)

    def freeze(self, service: str) -> None:
        """Make a service hang: it accepts connections, but does not respond.

        `docker pause` is not an option: it fails or hangs if a health check starts at the same time.
        """
        self.execute(service, "bash", "-c", "kill -STOP -1")  # all processes but the first and this one

    def thaw(self, service: str) -> None:
        """Make a frozen service respond again."""
        self.execute(service, "bash", "-c", "kill -CONT -1")

    def wait_for_request(self, service: str) -> None:
        """Wait until a frozen service has received a request."""
        self.execute(service, "python", "-c", _WAIT_FOR_REQUEST)

    @contextlib.contextmanager
    def frozen(self, service: str) -> Iterator[None]:
        """Make a service hang during the block."""
        self.freeze(service)
        try:
            yield
        finally:
            self.thaw(service)


def up(project: Project) -> None:
    """Run `make up`, which also applies changes of the env file.

    :raises CalledProcessError: when it fails
    """
    _make(project, "up")


@contextlib.contextmanager
def running_compose_stack(folder: Path, name: str, **settings: Any) -> Iterator[ComposeStack]:
    """Run `make up`, yield the stack, and run `make down` when the block ends.

    If ENGAGEMENT_TEST_ENV_FILE is set, use the running project ENGAGEMENT_TEST_PROJECT instead, and leave it running.

    :param folder: folder for the env file
    :param name: name of the Compose project
    :param settings: other variables of the env file without their prefix, such as `SEED_ROWS=200`
    """
    if running_env_file := os.environ.get("ENGAGEMENT_TEST_ENV_FILE"):
        project = Project(Path(running_env_file), os.environ["ENGAGEMENT_TEST_PROJECT"])
        yield ComposeStack(project, credentials.read(project.env_file))
        return
    env_file = folder / ".env"
    variables = {**{f"{port}_PORT": number for port, number in _free_ports().items()}, **settings}
    env_file.write_text("".join(f"ENGAGEMENT_{variable}={value}\n" for variable, value in variables.items()))
    project = Project(env_file, name)
    _make(project, "down")  # removes what an interrupted run has left
    started_at = time.monotonic()
    try:
        up(project)
        print(f"\nup after {time.monotonic() - started_at:.0f} s", flush=True)
        yield ComposeStack(project, credentials.read(env_file))
    finally:
        _make(project, "down")
    if remaining := project.containers():
        raise AssertionError(f"`make down` left {', '.join(remaining)}")


def _make(project: Project, command: str) -> None:
    arguments = [sys.executable, "-m", "local.compose", "--env-file", str(project.env_file), "--project", project.name]
    subprocess.run([*arguments, command], cwd=REPOSITORY, check=True, timeout=UP_SECONDS)


def _free_ports() -> dict[str, int]:
    with contextlib.ExitStack() as sockets:  # all open at once, so that no two ports are the same
        ports = {}
        for name in PORTS:
            listener = sockets.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            ports[name] = listener.getsockname()[1]
        return ports
