"""Start the project and tell what happens until every service is healthy or has done its work."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

from local.compose import credentials
from local.compose.project import Container, Project

LIMIT_SECONDS = 900.0
_LOG_LINES = "30"
_POLL_SECONDS = 1.0


class NotUpError(RuntimeError):
    """The stack did not come up; the message says which service, and shows its last words."""


def build(project: Project, say: Callable[[str], None]) -> None:
    """Build the image. Raises NotUpError with the end of the build's output."""
    say("Building the image (minutes the first time, seconds after that)")
    done = subprocess.run(
        project.command("build"), check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise NotUpError(f"The image could not be built:\n{_end_of(done.stdout)}")


def start(project: Project, say: Callable[[str], None], limit: float = LIMIT_SECONDS) -> None:
    """Start everything and wait until all of it is ready.

    Raises NotUpError when a service fails or `limit` seconds have passed; what runs then is left running.
    """
    wanted = project.services()
    deadline = time.monotonic() + limit
    # What is there already may have failed, or be stopped to be replaced: it counts once Compose is done.
    earlier = {container.id for container in project.containers().values()}
    with TemporaryFile("w+") as said:
        starting = subprocess.Popen(
            project.command("up", "--detach"),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            told: dict[str, str] = {}
            # Compose itself waits for the dependencies; only then does it start the last ones.
            while True:
                code = starting.poll()
                found = project.containers()
                _tell(found, told, say)
                failed = [one for one in found.values() if one.has_failed and (code == 0 or one.id not in earlier)]
                if failed:
                    raise NotUpError(_failure(project, failed[0]))
                if code:
                    said.seek(0)
                    raise NotUpError(f"Compose could not start the services:\n{_end_of(said.read())}")
                waiting = [service for service in wanted if service not in found or not found[service].is_ready]
                if code == 0 and not waiting:
                    return
                if time.monotonic() > deadline:
                    raise NotUpError(f"Not ready after {limit:.0f} s: {', '.join(waiting)}")
                time.sleep(_POLL_SECONDS)
        finally:
            if starting.poll() is None:
                starting.terminate()
            starting.wait()


def directions(project: Project, env_file: Path, *, to_a_person: bool) -> str:
    """Where everything answers, how to log in, and what to do next; the passwords themselves for a person only."""
    found = credentials.read(env_file)

    def secret(name: str) -> str:
        return found[name] if to_a_person else name  # a log is no place for it

    def url(service: str, port: str) -> str:
        return "http://" + project.output("port", service, port).strip()

    airflow = url("api-server", "8080")
    return f"""
  Airflow   {airflow}   user admin, password {secret("ENGAGEMENT_LOGIN_PASSWORD")}
  CRM       curl {url("crm", "8090")}/_crm/stats counts what it received
  Buckets   {url("files", "9001")} in a browser, {url("s3", "9000")} as S3
  AWS APIs  {url("aws", "5000")}
  Secrets   {env_file}

  Next      Open {airflow}/dags/customer_engagement_scoring and switch the DAG on: the latest
            scheduled run starts at once. Extracts of today and the days before are there to be backfilled.
            `make down` removes everything.
"""


def _tell(found: dict[str, Container], told: dict[str, str], say: Callable[[str], None]) -> None:
    for service, container in found.items():
        now = container.describe()
        if now != told.get(service) and now != "created":
            say(f"{service:<14} {now}")
            told[service] = now


def _failure(project: Project, container: Container) -> str:
    log = project.output("logs", "--no-color", "--tail", _LOG_LINES, container.service)
    return f"{container.service}: {container.describe()}. Its last lines:\n{log.rstrip()}"


def _end_of(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-int(_LOG_LINES) :])
