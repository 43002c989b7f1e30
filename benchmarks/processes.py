"""Run contestants in processes of their own, in the environments of the product and of its peers.

`python -m benchmarks.processes COMMAND [ARGUMENT ...]` runs a command and prints its usage as one JSON line.
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
    """Wall clock and CPU in seconds, and the peak of resident memory in bytes, of a command's processes together."""

    wall: float
    cpu: float
    memory: int


def run_module(python: Path, module: str, *arguments: object, env: Mapping[str, str] | None = None) -> Any:
    """Run a module of this package; its last line on stdout is JSON and is returned.

    :raises RuntimeError: with the end of its stderr, when it fails
    """
    return run_json([str(python), "-m", f"benchmarks.{module}", *map(str, arguments)], env or {})


def measure(command: Sequence[str], env: Mapping[str, str]) -> Usage:
    """Run a command and measure it together with everything that it starts.

    :raises RuntimeError: with the end of its stderr, when it fails
    """
    usage: Usage = run_json([sys.executable, "-m", "benchmarks.processes", *command], env)
    return usage


def adopt_orphans() -> None:
    """Become the parent of processes whose own parent ends first, so that their CPU time is counted here. Linux only.

    Spark's Java outlives the Python that started it for a moment.
    """
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans() -> None:
    """Collect adopted processes that have ended; to be called while no child of this process's own is running."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def run_json(command: Sequence[str], env: Mapping[str, str]) -> Any:
    """Run a command without this machine's Airflow and AWS settings; its last line on stdout is JSON and is returned.

    :raises RuntimeError: with the end of its stderr, when it fails
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
        start_new_session=True,  # so that all its processes can be ended together
    )
    with terminate_on_exit(process):
        output, errors = process.communicate(timeout=_TIMEOUT_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:6])} ... exited with {process.returncode}:\n{errors[-3000:]}")
    return json.loads(output.splitlines()[-1])


class _PeakMemory(threading.Thread):
    """Samples the resident memory of all descendants of this process."""

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
    """Run the command of the arguments and wait for all its processes; print their usage unless the command failed."""
    adopt_orphans()
    began = time.monotonic()
    leader = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
    peak = _PeakMemory()
    peak.start()
    cpu, code, wall = 0.0, 0, 0.0
    with contextlib.suppress(ChildProcessError):  # none is left
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
