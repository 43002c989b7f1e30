"""Runs the delivery core in a process of the Glue environment, without Spark and S3."""

from __future__ import annotations

import contextlib
import csv
import json
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from local.aws_emulator.emulator_settings import default_glue_python
from local.processes import REPOSITORY, running_service, terminate_on_exit
from local.stack import crm_environment
from tests.faults.scenario import ROWS
from tests.faults.tls_servers import TlsServers, tls_servers
from tests.faults.worker import CRM_OPTIONS, DAY, LIMIT_SECONDS, JobRun, Worker


class RestartableProxy:
    """A running forward proxy that keeps its port."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._running = contextlib.ExitStack()
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it; the first time on a free port."""
        service = running_service("local.forward_proxy", ["--port", str(self.port)], self._log)
        self.port = urlsplit(self._running.enter_context(service)).port or 0

    def close(self) -> None:
        """Stop it."""
        self._running.close()


class CoreWorker(Worker):
    """Runs `tests.faults.core`; a folder takes the place of S3."""

    def __init__(self, crm_url: str, token: str, output: Path, tls: TlsServers, proxy: RestartableProxy) -> None:
        super().__init__(crm_url, token, output)
        self.ports |= {**tls.ports, "proxy": proxy.port}
        self._proxy = proxy
        self._runs = 0
        scores = output / "scores" / f"dt={DAY}"
        scores.mkdir(parents=True)
        shutil.copy(tls.authorities, output / "authorities.pem")
        with (scores / "part-0.csv").open("w", newline="") as file:
            rows = [(f"U{number:09d}", f"{number % 100}.50", f"{DAY}T03:00:00Z") for number in range(ROWS["core"])]
            csv.writer(file).writerows([("UserID", "Calculated_Score", "Timestamp"), *rows])

    def store_secret(self, secret: str) -> None:
        """Write the secret to a file."""
        (self.output / "secret").write_text(secret)

    def restart_proxy(self, pause_seconds: float) -> None:
        """Stop the forward proxy, wait, and start it on the same port."""
        self._proxy.close()
        time.sleep(pause_seconds)
        self._proxy.start()

    def run(self, arguments: Mapping[str, str], meanwhile: Callable[[Worker], None] | None) -> JobRun:
        """Run `tests.faults.core` as a process."""
        self._runs += 1
        self.run_id = f"core-{self._runs:03d}"
        given = {**arguments, "output_bucket": "none", "JOB_RUN_ID": self.run_id}
        log, began = self.output / f"{self.run_id}.log", time.monotonic()
        with log.open("w") as output:
            process = subprocess.Popen(
                [default_glue_python(), "-m", "tests.faults.core", self.output],
                cwd=REPOSITORY,
                env={"PYTHONPATH": str(REPOSITORY / "glue_jobs")},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            with terminate_on_exit(process):
                assert process.stdin is not None
                with process.stdin:
                    json.dump(given, process.stdin)
                if meanwhile:
                    meanwhile(self)
                code = process.wait(LIMIT_SECONDS)
        seconds = time.monotonic() - began
        return JobRun(self.run_id, "FAILED" if code else "SUCCEEDED", log.read_text(), seconds)


@contextlib.contextmanager
def core_worker(folder: Path) -> Iterator[CoreWorker]:
    """Run a worker with its own fake CRM; end it on exit."""
    token = secrets.token_urlsafe(24)
    with (
        running_service("local.fake_crm", CRM_OPTIONS, folder / "crm.log", crm_environment(token)) as url,
        tls_servers(folder / "tls") as tls,
        contextlib.closing(RestartableProxy(folder / "proxy.log")) as proxy,
    ):
        yield CoreWorker(url, token, folder / "output", tls, proxy)
