"""What a command takes, with all that it starts: `python -m benchmarks.measured COMMAND [ARGUMENT ...]`, one JSON line.

A process of its own, which adopts what the command leaves behind: Spark's Java outlives the Python that started it for
a moment, and its CPU seconds belong to the measurement. Linux only.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from local.processes import ended

_ADOPT = 36  # PR_SET_CHILD_SUBREAPER, see prctl(2)
_EVERY_SECONDS = 0.05
_LONGEST_SECONDS = 3600


class Usage(TypedDict):
    """Seconds of wall clock, seconds of CPU, and the peak of resident memory in bytes, of all processes together."""

    wall: float
    cpu: float
    peak_memory: int


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Usage:
    """Run a command to its end. Raises RuntimeError, with what it said last, when it fails."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.measured", *command],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with ended(process):
        told, said = process.communicate(timeout=_LONGEST_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} ... ended with {process.returncode} and said:\n{said[-3000:]}")
    found: Usage = json.loads(told)
    return found


def main() -> int:
    """Run the command of the arguments; print what it took, unless it failed."""
    ctypes.CDLL(None).prctl(_ADOPT, 1, 0, 0, 0)
    began = time.monotonic()
    leader = subprocess.Popen(sys.argv[1:], stdout=sys.stderr, start_new_session=True)
    peak = _Peak(leader.pid)
    cpu, code, wall = 0.0, 0, 0.0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        while True:
            try:
                pid, status, usage = os.wait4(-1, 0)
            except ChildProcessError:
                break
            cpu += usage.ru_utime + usage.ru_stime
            if pid == leader.pid:
                code, wall = os.waitstatus_to_exitcode(status), time.monotonic() - began
    finally:
        with contextlib.suppress(ProcessLookupError):  # as it is, unless this was interrupted
            os.killpg(leader.pid, signal.SIGKILL)
    if code == 0:
        print(json.dumps(Usage(wall=wall, cpu=cpu, peak_memory=peak.end())))
    return abs(code)


class _Peak(threading.Thread):
    """Looks at the memory of a session's processes every now and then."""

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self._session, self._over, self._most = session, threading.Event(), 0
        self.start()

    def run(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            self._most = max(self._most, sum(map(self._resident, Path("/proc").glob("[0-9]*"))))

    def end(self) -> int:
        self._over.set()
        self.join()
        return self._most

    def _resident(self, process: Path) -> int:
        try:
            words = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            return 0
        return int(words[21]) * os.sysconf("SC_PAGE_SIZE") if int(words[3]) == self._session else 0


if __name__ == "__main__":
    sys.exit(main())
