"""One Compose project: its commands, and what Docker says about its containers. Standard library only."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "engagement"


@dataclass(frozen=True)
class Container:
    """A service's container: `status` and `health` in Docker's words, health empty where none is checked."""

    id: str
    service: str
    status: str
    health: str
    exit_code: int
    started_at: str

    @property
    def is_ready(self) -> bool:
        """Healthy, or a one-shot that has done its work."""
        return self.health == "healthy" if self.status == "running" else self.has_finished

    @property
    def has_finished(self) -> bool:
        """Ended well."""
        return self.status == "exited" and self.exit_code == 0

    @property
    def has_failed(self) -> bool:
        """Ended otherwise, or running but found not to work."""
        if self.status == "running":
            return self.health == "unhealthy"  # what has stopped is called unhealthy, too
        return self.status in ("exited", "dead") and self.exit_code != 0

    def describe(self) -> str:
        """What a person wants to know of it in a word."""
        if self.status == "exited":
            return "done" if self.exit_code == 0 else f"ended with exit code {self.exit_code}"
        return self.health or self.status


class Project:
    """The stack under one project name with one env file.

    :param name: of the project, hence of containers and volumes; several can run beside each other on other ports
    """

    def __init__(self, env_file: Path = REPOSITORY / ".env", name: str = NAME) -> None:
        self.env_file = env_file
        self.name = name

    def command(self, *arguments: str) -> list[str]:
        """A Compose command line for this project. Exits with advice when there is no Compose or no Docker."""
        return [
            *_compose(), "--project-name", self.name, "--project-directory", str(REPOSITORY),
            "--file", str(REPOSITORY / "docker-compose.yaml"), "--env-file", str(self.env_file), *arguments,
        ]  # fmt: skip

    def run(self, *arguments: str) -> None:
        """Run a Compose command. Raises CalledProcessError when it fails."""
        subprocess.run(self.command(*arguments), check=True, cwd=REPOSITORY)

    def output(self, *arguments: str) -> str:
        """Run a Compose command and give what it printed, whether it failed or not; warnings apart."""
        command = self.command(*arguments)
        return subprocess.run(command, check=False, cwd=REPOSITORY, capture_output=True, text=True).stdout

    def services(self) -> list[str]:
        """Names of all services of the file."""
        return sorted(self.output("config", "--services").split())

    def containers(self) -> dict[str, Container]:
        """The containers by service."""
        label = f"label=com.docker.compose.project={self.name}"
        ids = _docker("ps", "--all", "--quiet", "--filter", label).split()
        if not ids:
            return {}
        found = {}
        for entry in json.loads(_docker("inspect", *ids) or "[]"):
            labels, state = entry["Config"]["Labels"], entry["State"]
            if labels.get("com.docker.compose.oneoff") != "True":
                service = labels["com.docker.compose.service"]
                health = (state.get("Health") or {}).get("Status", "")
                found[service] = Container(
                    entry["Id"], service, state["Status"], health, state["ExitCode"], state["StartedAt"]
                )
        return found


def _compose() -> Sequence[str]:
    docker = shutil.which("docker")
    if not docker:
        sys.exit("docker: found none on PATH; install Docker with Compose, or run `make demo`, which needs neither")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": False}
    if subprocess.run([docker, "compose", "version"], **quiet).returncode == 0:  # type: ignore[call-overload]
        return [docker, "compose"]
    alone = shutil.which("docker-compose")
    if not alone:
        sys.exit("Compose: found neither `docker compose` nor `docker-compose`; install the Compose plugin")
    return [alone]


def _docker(*arguments: str) -> str:
    # A container may go away between two commands: what is still there is printed all the same.
    done = subprocess.run(
        ["docker", *arguments],
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout
