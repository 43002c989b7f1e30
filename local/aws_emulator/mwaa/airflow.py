"""The Airflow of an MWAA environment: it runs the deployed files on a loopback port and SQLite."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from local.aws_emulator import process_session
from local.processes import REPOSITORY
from local.s3_emulator import client_env

_USER = "mwaa"
_START_SECONDS = 420  # MWAA takes 20 to 30 minutes
_END_SECONDS = 5.0
_INHERITED = ("HOME", "LANG", "LC_ALL", "PATH")  # no proxies, no credentials, no profile
_COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")

# Shorter waits and fewer processes than on MWAA. Options of the environment override them.
DEFAULTS = {
    "dag_processor.refresh_interval": "3",  # MWAA copies new files every 30 seconds
    "dag_processor.min_file_process_interval": "3",
    "scheduler.scheduler_idle_sleep_time": "0.5",
    "core.parallelism": "3",  # like mw1.micro, whose only worker runs 3 tasks at a time
}


class AirflowDownError(RuntimeError):
    """Raised when Airflow does not start or has ended; the text says why."""


class Airflow:
    """The processes of one Airflow. `start` starts them, `call` uses the REST API, `stop` stops them.

    :param home: AIRFLOW_HOME; the metadata database in it outlives `stop`
    """

    def __init__(self, home: Path, s3_url: str, aws_url: str) -> None:
        self.home = home
        self.logs = home / "logs"
        self._aws = client_env(s3_url, aws_url)
        self._password = secrets.token_urlsafe(24)
        self._secret = secrets.token_hex(32)
        self._leader: subprocess.Popen[bytes] | None = None
        self._token: str | None = None
        self.url = ""
        self.closing = False  # set by another thread: stop waiting for a start

    def start(self, dags: Path, plugins: Path, options: Mapping[str, str]) -> None:
        """Start Airflow and wait until it is healthy.

        :param dags: folder of DAGs
        :param plugins: folder of plugins
        :param options: configuration options as `section.key`
        :raises AirflowDownError: when a component ends, or not all are healthy in time
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        port = _free_port()
        self.url, self._token = f"http://127.0.0.1:{port}", None
        (self.home / "passwords.json").write_text(json.dumps({_USER: self._password}))
        env = self._environment(dags, plugins, options)
        command = [sys.executable, "-m", "local.aws_emulator.mwaa.components", str(self.logs), str(port)]
        with (self.logs / "components.log").open("ab") as log:
            leader = self._leader = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env={**env, "PYTHONPATH": str(REPOSITORY)},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_until_healthy(leader)
        except BaseException:
            self.stop()
            raise

    @property
    def is_running(self) -> bool:
        """Whether it has been started and not stopped."""
        return self._leader is not None

    def stop(self) -> None:
        """Stop all processes, including running tasks."""
        leader, self._leader = self._leader, None
        if leader:
            process_session.terminate(leader, _END_SECONDS)
            process_session.kill_leftovers(leader.pid)  # processes that were started meanwhile
            assert leader.stdin is not None  # noqa: S101 - a pipe
            leader.stdin.close()

    def call(
        self, method: str, path: str, query: Mapping[str, Any], body: Any, timeout_seconds: float
    ) -> requests.Response:
        """Call the REST API as a logged-in user.

        :param path: path below /api/v2
        :raises requests.RequestException: when there is no response in time
        """
        for _ in range(2):
            if self._token is None:
                credentials = {"username": _USER, "password": self._password}
                login = requests.post(f"{self.url}/auth/token", json=credentials, timeout=timeout_seconds)
                login.raise_for_status()
                self._token = login.json()["access_token"]
            response = requests.request(
                method,
                f"{self.url}/api/v2{path}",
                params=dict(query),
                json=body,
                headers={"Authorization": f"Bearer {self._token}"},
                timeout=timeout_seconds,
            )
            if response.status_code != 401:
                break
            self._token = None  # it has expired
        return response

    def _environment(self, dags: Path, plugins: Path, options: Mapping[str, str]) -> dict[str, str]:
        fixed = {
            "core.dags_folder": str(dags),
            "core.plugins_folder": str(plugins),
            "core.executor": "LocalExecutor",
            "core.execution_api_server_url": f"{self.url}/execution/",
            "core.auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "core.simple_auth_manager_users": f"{_USER}:admin",
            "core.simple_auth_manager_passwords_file": str(self.home / "passwords.json"),
            "api.base_url": self.url,
            "api.secret_key": self._secret,
            "api_auth.jwt_secret": self._secret,
            "database.sql_alchemy_conn": f"sqlite:///{self.home / 'airflow.db'}",
            "logging.base_log_folder": str(self.logs / "tasks"),
            "usage_data_collection.enabled": "False",
        }
        settings = {"core.load_examples": "False", **DEFAULTS, **options, **fixed}
        return {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            **self._aws,
            **{f"AIRFLOW__{name.upper().replace('.', '__', 1)}": str(value) for name, value in settings.items()},
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
            "PYTHONWARNINGS": "ignore",
            "PYTHONDONTWRITEBYTECODE": "1",  # the folder of DAGs is in the bucket; the rest is compiled
            "PYTHONUNBUFFERED": "1",
            "TZ": "UTC",
        }

    def _wait_until_healthy(self, leader: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        missing = list(_COMPONENTS)
        while missing:
            if leader.poll() is not None:
                raise AirflowDownError(f"a component of Airflow ended: {self._last_log_lines()}")
            if self.closing or time.monotonic() > deadline:
                raise AirflowDownError(
                    f"not healthy after {_START_SECONDS} s: {', '.join(missing)}. {self._last_log_lines()}"
                )
            time.sleep(0.3)
            try:
                health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
            except (requests.RequestException, ValueError):
                continue
            missing = [name for name in _COMPONENTS if health.get(name, {}).get("status") != "healthy"]

    def _last_log_lines(self) -> str:
        logs = [(path.stem, path.read_text(errors="replace").strip()[-300:]) for path in self.logs.glob("*.log")]
        return " | ".join(f"{name}: {text}" for name, text in sorted(logs) if text)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
