"""Run each contestant in its own process, in the environment of the product or of its peers.

`python -m benchmarks.processes COMMAND [ARGUMENT ...]` runs a command and prints its resource usage as one JSON line.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import psutil

from local.processes import REPOSITORY, terminate_on_exit

AIRFLOW, GLUE, BENCH = (REPOSITORY / folder / "bin" / "python" for folder in (".venv", ".venv-glue", ".venv-bench"))
JOBS_PATH = os.pathsep.join((str(REPOSITORY / "glue_jobs"), str(REPOSITORY)))
_SAMPLE_SECONDS = 0.1
_TIMEOUT_SECONDS = 3600
_SET_CHILD_SUBREAPER = 36  # see prctl(2)


class Usage(TypedDict):
    """Wall clock and CPU seconds and peak resident memory in bytes, of all processes of a command together."""

    wall: float
    cpu: float
    memory: int


def run_module(python: Path, module: str, *arguments: object, env: Mapping[str, str] | None = None) -> Any:
    """Run a module of this package and return the last line of its standard output, parsed as JSON.

    :raises RuntimeError: the command failed; the message ends with its standard error
    """
    return run_json([str(python), "-m", f"benchmarks.{module}", *map(str, arguments)], env or {})


def measure(command: Sequence[str], env: Mapping[str, str]) -> Usage:
    """Run a command and measure it together with all processes that it starts.

    :raises RuntimeError: the command failed; the message ends with its standard error
    """
    usage: Usage = run_json([sys.executable, "-m", "benchmarks.processes", *command], env)
    return usage


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants, so that their CPU time is counted here. Linux only.

    Spark's JVM outlives the Python process that started it for a moment.
    """
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans() -> None:
    """Collect adopted processes that have ended. Call it only while this process has no running children of its own."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def run_json(command: Sequence[str], env: Mapping[str, str]) -> Any:
    """Run a command without this machine's Airflow and AWS settings; return its last output line, parsed as JSON.

    :raises RuntimeError: the command failed; the message ends with its standard error
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**inherited, "PYTHONPATH": JOBS_PATH, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that the process group can be ended as one
    )
    with terminate_on_exit(process):
        output, errors = process.communicate(timeout=_TIMEOUT_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:6])} ... exited with {process.returncode}:\n{errors[-3000:]}")
    return json.loads(output.splitlines()[-1])


class _PeakMemory(threading.Thread):
    """Sample the resident memory of all descendants of this process."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0

    def run(self) -> None:
        own = psutil.Process()
        while True:
            resident = 0
            for child in own.children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    resident += child.memory_info().rss
            self.bytes = max(self.bytes, resident)
            time.sleep(_SAMPLE_SECONDS)


def main() -> int:
    """Run the given command, wait for all its processes, and print their usage unless the command failed."""
    adopt_orphans()
    began = time.monotonic()
    leader = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
    peak = _PeakMemory()
    peak.start()
    cpu, code, wall = 0.0, 0, 0.0
    with contextlib.suppress(ChildProcessError):  # no children are left
        while True:
            pid, status, usage = os.wait4(-1, 0)
            cpu += usage.ru_utime + usage.ru_stime
            if pid == leader.pid:
                code, wall = os.waitstatus_to_exitcode(status), time.monotonic() - began
    if code == 0:
        print(json.dumps(Usage(wall=wall, cpu=cpu, memory=peak.bytes)))
    return abs(code)


if __name__ == "__main__":
    sys.exit(main())
