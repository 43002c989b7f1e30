"""A Compose project: its commands, and the state of its containers. Imports the standard library only."""

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
    """The container of a service.

    :param status: status in Docker, such as `running`
    :param health: health in Docker, empty without a health check
    """

    id: str
    service: str
    status: str
    health: str
    exit_code: int
    started_at: str

    @property
    def is_ready(self) -> bool:
        """Whether it is healthy, or a one-shot that has succeeded."""
        return self.health == "healthy" if self.status == "running" else self.has_finished

    @property
    def has_finished(self) -> bool:
        """Whether it has exited with 0."""
        return self.status == "exited" and self.exit_code == 0

    @property
    def has_failed(self) -> bool:
        """Whether it has exited with an error, or is running but unhealthy."""
        if self.status == "running":
            return self.health == "unhealthy"  # Docker reports stopped containers as unhealthy as well
        return self.status in ("exited", "dead") and self.exit_code != 0

    def describe(self) -> str:
        """Return its state in a few words."""
        if self.status == "exited":
            return "done" if self.exit_code == 0 else f"failed with exit code {self.exit_code}"
        return self.health or self.status


class Project:
    """The stack of docker-compose.yaml under a project name. Several projects can run in parallel on different ports.

    :param env_file: file with secrets and ports
    :param name: name of the project, which prefixes containers and volumes
    """

    def __init__(self, env_file: Path = REPOSITORY / ".env", name: str = NAME) -> None:
        self.env_file = env_file
        self.name = name

    def command(self, *arguments: str) -> list[str]:
        """Return a Compose command line for this project.

        :raises SystemExit: when Docker or Compose is missing
        """
        return [
            *_compose(), "--project-name", self.name, "--project-directory", str(REPOSITORY),
            "--file", str(REPOSITORY / "docker-compose.yaml"), "--env-file", str(self.env_file), *arguments,
        ]  # fmt: skip

    def run(self, *arguments: str) -> None:
        """Run a Compose command.

        :raises CalledProcessError: when it fails
        """
        subprocess.run(self.command(*arguments), check=True, cwd=REPOSITORY)

    def output(self, *arguments: str) -> str:
        """Run a Compose command; return its standard output, even if it fails."""
        command = self.command(*arguments)
        return subprocess.run(command, check=False, cwd=REPOSITORY, capture_output=True, text=True).stdout

    def services(self) -> list[str]:
        """Return the names of all services."""
        return sorted(self.output("config", "--services").split())

    def containers(self) -> dict[str, Container]:
        """Return the containers by service."""
        label = f"label=com.docker.compose.project={self.name}"
        ids = _docker("ps", "--all", "--quiet", "--filter", label).split()
        if not ids:
            return {}
        containers = {}
        for entry in json.loads(_docker("inspect", *ids) or "[]"):
            labels, state = entry["Config"]["Labels"], entry["State"]
            if labels.get("com.docker.compose.oneoff") != "True":
                service = labels["com.docker.compose.service"]
                health = (state.get("Health") or {}).get("Status", "")
                containers[service] = Container(
                    entry["Id"], service, state["Status"], health, state["ExitCode"], state["StartedAt"]
                )
        return containers


def _compose() -> Sequence[str]:
    docker = shutil.which("docker")
    if not docker:
        sys.exit("docker is not on PATH; install Docker with Compose, or run `make demo`, which needs neither")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": False}
    if subprocess.run([docker, "compose", "version"], **quiet).returncode == 0:  # type: ignore[call-overload]
        return [docker, "compose"]
    standalone = shutil.which("docker-compose")
    if not standalone:
        sys.exit("neither `docker compose` nor `docker-compose` works; install the Compose plugin")
    return [standalone]


def _docker(*arguments: str) -> str:
    # No check: a container may disappear between two commands, and Docker still prints the others.
    done = subprocess.run(
        ["docker", *arguments],
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout
