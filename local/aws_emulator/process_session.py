"""Processes of one job run: started in a session of their own, ended together."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path


def start(command: list[str], env: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """Start `command` in `folder` as the leader of a new session, its three streams piped."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def end(leader: subprocess.Popen[bytes], grace: float) -> None:
    """SIGTERM to the process group, SIGKILL after `grace` seconds to all that is left of the session."""
    _signal_group(leader.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        leader.wait(timeout=grace)
    _signal_group(leader.pid, signal.SIGKILL)
    for pid in _session(leader.pid):
        _kill(pid)
    leader.wait()


def sweep(leader_pid: int, patience: float = 2.0) -> None:
    """Wait for what a finished job left behind (Spark's Java takes a moment), then kill it."""
    deadline = time.monotonic() + patience
    while (left := _session(leader_pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        _kill(pid)


def _signal_group(group: int, number: signal.Signals) -> None:
    # All gone already; macOS says "not permitted" of a group of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _session(leader: int) -> list[int]:
    """Live processes of the session; PySpark's worker daemon leaves the group, but not the session."""
    if not Path("/proc/self").exists():
        return []
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, _group, session = entry.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue  # ended meanwhile
        if int(session) == leader and state != "Z":
            found.append(int(entry.parent.name))
    return found
