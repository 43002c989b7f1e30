"""The compose stack, once for all tests of this folder: a project, ports and secrets of its own, removed afterwards."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from local.compose import credentials
from local.compose.project import REPOSITORY, Project
from tests.compose.live.airflow_api import Airflow

PROJECT = "engagement-test"
PORTS = ("AIRFLOW", "S3", "FILES", "AWS", "CRM")
UP_SECONDS = 1_200


@dataclass(frozen=True)
class Running:
    """The stack as it is up."""

    project: Project
    env: dict[str, str]

    def url(self, name: str) -> str:
        """Where one of PORTS answers."""
        return f"http://127.0.0.1:{self.env[f'ENGAGEMENT_{name}_PORT']}"

    def airflow(self) -> Airflow:
        """Airflow, logged in."""
        return Airflow(self.url("AIRFLOW"), self.env["ENGAGEMENT_LOGIN_PASSWORD"])

    def crm(self, path: str) -> Any:
        """What the CRM stand-in knows."""
        headers = {"Authorization": f"Bearer {self.env['ENGAGEMENT_CRM_TOKEN']}"}
        answer = requests.get(f"{self.url('CRM')}/_crm/{path}", headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`make up` from nothing, and `make down`."""
    env_file = tmp_path_factory.mktemp("compose") / ".env"
    env_file.write_text("".join(f"ENGAGEMENT_{name}_PORT={port}\n" for name, port in _free_ports().items()))
    command = [sys.executable, "-m", "local.compose", "--env-file", str(env_file), "--project", PROJECT]
    project = Project(env_file, PROJECT)
    _run([*command, "down"])  # what an interrupted run may have left
    began = time.monotonic()
    try:
        _run([*command, "up"])
        print(f"\nup after {time.monotonic() - began:.0f} s", flush=True)
        yield Running(project, credentials.read(env_file))
    finally:
        _run([*command, "down"])
    assert project.containers() == {}


def _run(command: list[str]) -> None:
    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=UP_SECONDS)


def _free_ports() -> dict[str, int]:
    with contextlib.ExitStack() as held:  # all at once, so that no two are the same
        found = {}
        for name in PORTS:
            listener = held.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            found[name] = listener.getsockname()[1]
        return found
