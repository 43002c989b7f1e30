"""A job run: its state, and the thread that takes it from STARTING to its end."""

import secrets
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.aws_emulator import process_session
from local.aws_emulator.emulator_settings import EmulatorSettings
from local.aws_emulator.glue.job_command import JobCommand, LaunchError, prepare_command
from local.aws_emulator.logs import LogStream, copy_output
from local.spark import conf

ACTIVE = ("STARTING", "RUNNING", "STOPPING")


@dataclass(frozen=True)
class JobRunRequest:
    """The parameters of a run, with those of the job as defaults.

    :param script: S3 URI of the script
    :param timeout: in minutes of Glue
    :param workers: number of workers, the driver included
    """

    job_name: str
    script: str
    arguments: dict[str, str]
    timeout: int
    worker_type: str
    workers: int
    glue_version: str
    account_id: str
    region: str

    @property
    def log_group(self) -> str:
        """Prefix of the log groups /output and /error, which a job of Glue 5 can choose."""
        return self.arguments.get("--custom-logGroup-prefix", "/aws-glue/jobs").rstrip("/")


@dataclass
class JobRun:
    """A run of a job. `start` starts it, `stop` requests its end, `join` waits for the end."""

    request: JobRunRequest
    settings: EmulatorSettings
    id: str = field(default_factory=lambda: "jr_" + secrets.token_hex(32))
    state: str = "STARTING"
    error: str | None = None
    started_on: datetime = field(default_factory=lambda: datetime.now(UTC))
    completed_on: datetime | None = None
    seconds: int = 0
    _running_since: float | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the run in a thread."""
        self._thread = threading.Thread(target=self._run_to_end, name=self.id, daemon=True)
        self._thread.start()

    def stop(self) -> bool:
        """Request the end of the run; return False if it has ended."""
        with self._lock:
            if self.state not in ACTIVE:
                return False
            self.state = "STOPPING"
        self._stop.set()
        return True

    def join(self, timeout: float | None = None) -> None:
        """Wait until the run and its processes have ended."""
        if self._thread:
            self._thread.join(timeout)

    def as_dict(self) -> dict[str, Any]:
        """Return the JobRun structure of Glue's API."""
        request = self.request
        capacity = conf.dpus(request.worker_type, request.workers)
        seconds = self.seconds
        if self._running_since and not self.completed_on:
            seconds = int(time.monotonic() - self._running_since)
        structure: dict[str, Any] = {
            "Id": self.id,
            "Attempt": 0,
            "JobName": request.job_name,
            "StartedOn": self.started_on,
            "LastModifiedOn": self.completed_on or self.started_on,
            "JobRunState": self.state,
            "Arguments": request.arguments,
            "PredecessorRuns": [],
            "AllocatedCapacity": int(capacity),
            "ExecutionTime": seconds,
            "Timeout": request.timeout,
            "MaxCapacity": capacity,
            "WorkerType": request.worker_type,
            "NumberOfWorkers": request.workers,
            "LogGroupName": request.log_group,
            "GlueVersion": request.glue_version,
            "ExecutionClass": "STANDARD",
        }
        if self.completed_on:
            structure["CompletedOn"] = self.completed_on
        if self.error:
            structure["ErrorMessage"] = self.error
        return structure

    def _run_to_end(self) -> None:
        try:
            self._end(*self._execute())
        except LaunchError as error:
            self._wait_for_start()
            self._end("FAILED", str(error))
        except Exception as error:  # noqa: BLE001 - a run must end, with an error message
            self._end("FAILED", f"Internal service error : {type(error).__name__}: {error}")

    def _wait_for_start(self) -> None:
        waited = (datetime.now(UTC) - self.started_on).total_seconds()
        self._stop.wait(max(0.0, self.settings.start_seconds - waited))

    def _execute(self) -> tuple[str, str | None]:
        request = self.request
        slots = conf.task_slots(request.worker_type, request.workers)
        command = prepare_command(self.settings, request.job_name, self.id, request.script, request.arguments, slots)
        streams = [
            LogStream(request.account_id, request.region, f"{request.log_group}/{suffix}", self.id)
            for suffix in ("output", "error")
        ]
        try:
            self._wait_for_start()
            return self._run(command, streams)
        finally:
            for leftover in ("tmp", "code"):
                shutil.rmtree(command.folder / leftover, ignore_errors=True)

    def _run(self, command: JobCommand, streams: list[LogStream]) -> tuple[str, str | None]:
        with self._lock:
            if self.state == "STOPPING":
                return "STOPPED", None
            leader = process_session.start(command.command, command.env, command.folder)
            self.state = "RUNNING"
            self._running_since = time.monotonic()
        assert leader.stdout is not None  # noqa: S101 - a pipe
        assert leader.stderr is not None  # noqa: S101 - a pipe
        copiers = [
            copy_output(pipe, stream, command.folder / name)
            for pipe, stream, name in zip((leader.stdout, leader.stderr), streams, ("output", "errors"), strict=True)
        ]
        outcome = self._watch(leader)
        for copier in copiers:
            copier.join(timeout=5)
        return outcome or command.outcome(leader.returncode)

    def _watch(self, leader: subprocess.Popen[bytes]) -> tuple[str, str | None] | None:
        """Wait for the end of the processes.

        :return: state and error message if the run was stopped or timed out, otherwise None
        """
        deadline = time.monotonic() + self.request.timeout * self.settings.seconds_per_minute
        try:
            while leader.poll() is None:
                if self._stop.wait(0.05):
                    process_session.terminate(leader, self.settings.stop_grace)
                    return "STOPPED", None
                if time.monotonic() > deadline:
                    process_session.terminate(leader, self.settings.stop_grace)
                    return "TIMEOUT", None
            process_session.kill_leftovers(leader.pid)
            return None
        finally:
            assert leader.stdin is not None  # noqa: S101 - a pipe
            leader.stdin.close()

    def _end(self, state: str, error: str | None) -> None:
        with self._lock:
            self.completed_on = datetime.now(UTC)
            self.seconds = round(time.monotonic() - self._running_since) if self._running_since else 0
            self.error = error
            self.state = state
