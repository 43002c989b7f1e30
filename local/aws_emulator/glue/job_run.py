"""One job run: its states, and the thread that takes it from STARTING to its end."""

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
from local.aws_emulator.glue.job_command import LaunchError, Prepared, prepare
from local.aws_emulator.logs import LogStream, follow
from local.spark import conf

ACTIVE = ("STARTING", "RUNNING", "STOPPING")


@dataclass(frozen=True)
class JobRunRequest:
    """What a run was started with, the job's defaults merged in. `timeout` in Glue's minutes."""

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
        """Prefix of the two log groups, /output and /error; Glue 5 lets a job choose it."""
        return self.arguments.get("--custom-logGroup-prefix", "/aws-glue/jobs").rstrip("/")


@dataclass
class JobRun:
    """A run as GetJobRun tells it. `start` begins it, `stop` asks for its end, `join` waits for that."""

    request: JobRunRequest
    settings: EmulatorSettings
    id: str = field(default_factory=lambda: "jr_" + secrets.token_hex(32))
    state: str = "STARTING"
    error: str | None = None
    started_on: datetime = field(default_factory=lambda: datetime.now(UTC))
    completed_on: datetime | None = None
    seconds: int = 0
    _began: float | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread = threading.Thread(target=self._live, name=self.id, daemon=True)
        self._thread.start()

    def stop(self) -> bool:
        """Ask for the end; False when the run had ended already."""
        with self._lock:
            if self.state not in ACTIVE:
                return False
            self.state = "STOPPING"
        self._stop.set()
        return True

    def join(self, timeout: float | None = None) -> None:
        """Wait until the run has ended and its processes are gone."""
        if self._thread:
            self._thread.join(timeout)

    def as_dict(self) -> dict[str, Any]:
        """The JobRun structure of Glue's API."""
        request = self.request
        capacity = conf.dpus(request.worker_type, request.workers)
        seconds = int(time.monotonic() - self._began) if self._began and not self.completed_on else self.seconds
        told: dict[str, Any] = {
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
            told["CompletedOn"] = self.completed_on
        if self.error:
            told["ErrorMessage"] = self.error
        return told

    def _live(self) -> None:
        try:
            self._end(*self._execute())
        except LaunchError as error:
            self._await_machine()
            self._end("FAILED", str(error))
        except Exception as error:  # noqa: BLE001 - a run must end, and say why
            self._end("FAILED", f"Internal service error : {type(error).__name__}: {error}")

    def _await_machine(self) -> None:
        waited = (datetime.now(UTC) - self.started_on).total_seconds()
        self._stop.wait(max(0.0, self.settings.start_seconds - waited))

    def _execute(self) -> tuple[str, str | None]:
        request = self.request
        slots = conf.task_slots(request.worker_type, request.workers)
        prepared = prepare(self.settings, request.job_name, self.id, request.script, request.arguments, slots)
        streams = [
            LogStream(request.account_id, request.region, f"{request.log_group}/{suffix}", self.id)
            for suffix in ("output", "error")
        ]
        try:
            self._await_machine()
            return self._run(prepared, streams)
        finally:
            for leftover in ("tmp", "code"):
                shutil.rmtree(prepared.folder / leftover, ignore_errors=True)

    def _run(self, prepared: Prepared, streams: list[LogStream]) -> tuple[str, str | None]:
        with self._lock:
            if self.state == "STOPPING":
                return "STOPPED", None
            leader = process_session.start(prepared.command, prepared.env, prepared.folder)
            self.state = "RUNNING"
            self._began = time.monotonic()
        assert leader.stdout is not None  # noqa: S101 - a pipe
        assert leader.stderr is not None  # noqa: S101 - a pipe
        followers = [
            follow(pipe, stream, prepared.folder / name)
            for pipe, stream, name in zip((leader.stdout, leader.stderr), streams, ("output", "errors"), strict=True)
        ]
        outcome = self._watch(leader)
        for follower in followers:
            follower.join(timeout=5)
        return outcome or _judge(leader.returncode, prepared)

    def _watch(self, leader: subprocess.Popen[bytes]) -> tuple[str, str | None] | None:
        """Wait for the end; the outcome, or None when the script decides it by its exit code."""
        deadline = time.monotonic() + self.request.timeout * self.settings.seconds_per_minute
        try:
            while leader.poll() is None:
                if self._stop.wait(0.05):
                    process_session.end(leader, self.settings.stop_grace)
                    return "STOPPED", None
                if time.monotonic() > deadline:
                    process_session.end(leader, self.settings.stop_grace)
                    return "TIMEOUT", None
            process_session.sweep(leader.pid)
            return None
        finally:
            assert leader.stdin is not None  # noqa: S101 - a pipe
            leader.stdin.close()

    def _end(self, state: str, error: str | None) -> None:
        with self._lock:
            self.completed_on = datetime.now(UTC)
            self.seconds = round(time.monotonic() - self._began) if self._began else 0
            self.error = error
            self.state = state


def _judge(code: int, prepared: Prepared) -> tuple[str, str | None]:
    if code == 0:
        return "SUCCEEDED", None
    if prepared.error_file.exists() and (said := prepared.error_file.read_text()):
        return "FAILED", said
    return "FAILED", f"Command failed with exit code {code if code > 0 else 128 - code}"
