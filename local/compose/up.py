"""Start the project and report progress until every service is healthy or has finished."""

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
    """Raised when the stack does not start; the message names the service and shows its last log lines."""


def build(project: Project, log: Callable[[str], None]) -> None:
    """Build the image.

    :raises NotUpError: with the last lines of the output, when the build fails
    """
    log("Building the image (minutes the first time, seconds after that)")
    done = subprocess.run(
        project.command("build"), check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise NotUpError(f"Could not build the image:\n{_last_lines(done.stdout)}")


def start(project: Project, log: Callable[[str], None], limit: float = LIMIT_SECONDS) -> None:
    """Start all services and wait until they are ready.

    :param log: called with each line of progress
    :param limit: timeout in seconds
    :raises NotUpError: when a service fails or the timeout expires; the containers are left as they are
    """
    # Existing containers may have failed or be about to be replaced: they count when Compose has finished.
    existing = {container.id for container in project.containers().values()}
    with TemporaryFile("w+") as output:
        # Compose itself waits for dependencies, and then starts the last services.
        compose = subprocess.Popen(
            project.command("up", "--detach"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            _wait_until_ready(project, compose, existing, log, limit)
        except subprocess.CalledProcessError as error:
            output.seek(0)
            raise NotUpError(f"Compose could not start the services:\n{_last_lines(output.read())}") from error
        finally:
            if compose.poll() is None:
                compose.terminate()
            compose.wait()


def _wait_until_ready(
    project: Project, compose: subprocess.Popen[str], existing: set[str], log: Callable[[str], None], limit: float
) -> None:
    """Wait until all services are ready.

    :param existing: ids of the containers before the start
    :raises NotUpError: when a service fails or the timeout expires
    :raises CalledProcessError: when Compose fails
    """
    services = project.services()
    deadline = time.monotonic() + limit
    logged: dict[str, str] = {}
    while True:
        exit_code = compose.poll()
        containers = project.containers()
        _log_changes(containers, logged, log)
        for container in containers.values():
            if container.has_failed and (exit_code == 0 or container.id not in existing):
                raise NotUpError(_describe_failure(project, container))
        if exit_code:
            raise subprocess.CalledProcessError(exit_code, compose.args)
        waiting = [name for name in services if name not in containers or not containers[name].is_ready]
        if exit_code == 0 and not waiting:
            return
        if time.monotonic() > deadline:
            raise NotUpError(f"Not ready after {limit:.0f} s: {', '.join(waiting)}")
        time.sleep(_POLL_SECONDS)


def directions(project: Project, env_file: Path, *, with_secrets: bool) -> str:
    """Return the URLs of all services, the login, and what to do next.

    :param with_secrets: show passwords, which do not belong into a log
    """
    variables = credentials.read(env_file)

    def secret(name: str) -> str:
        return variables[name] if with_secrets else name

    def url(service: str, port: str) -> str:
        return "http://" + project.output("port", service, port).strip()

    airflow = url("api-server", "8080")
    return f"""
  Airflow   {airflow}   user admin, password {secret("ENGAGEMENT_LOGIN_PASSWORD")}
  CRM       curl {url("crm", "8090")}/_crm/stats shows what the fake CRM has received
  Buckets   {url("files", "9001")} in a browser, {url("s3", "9000")} as S3
  AWS APIs  {url("aws", "5000")}
  Secrets   {env_file}

  Next      Open {airflow}/dags/customer_engagement_scoring and switch the DAG on: the latest
            scheduled run starts at once. Extracts of today and the days before are available for backfills.
            `make down` removes everything.
"""


def _log_changes(containers: dict[str, Container], logged: dict[str, str], log: Callable[[str], None]) -> None:
    """Log each service whose state has changed.

    :param logged: the last logged state by service, updated here
    """
    for service, container in containers.items():
        state = container.describe()
        if state != logged.get(service) and state != "created":
            log(f"{service:<14} {state}")
            logged[service] = state


def _describe_failure(project: Project, container: Container) -> str:
    log = project.output("logs", "--no-color", "--tail", _LOG_LINES, container.service)
    return f"{container.service}: {container.describe()}. Its last log lines:\n{log.rstrip()}"


def _last_lines(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-int(_LOG_LINES) :])
