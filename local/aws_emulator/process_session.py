"""Processes that run in a session of their own and are stopped together."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path


def start(command: list[str], env: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """Start `command` in `folder` as the leader of a new session, with pipes for its three streams."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def terminate(leader: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """Send SIGTERM to the process group, and after `grace_seconds` SIGKILL to what remains of the session."""
    _signal_group(leader.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        leader.wait(timeout=grace_seconds)
    _signal_group(leader.pid, signal.SIGKILL)
    for pid in _session(leader.pid):
        _kill(pid)
    leader.wait()


def kill_leftovers(leader_pid: int, timeout_seconds: float = 2.0) -> None:
    """Wait until the processes of an ended job are gone (Spark's JVM takes a moment), then kill the remaining ones."""
    deadline = time.monotonic() + timeout_seconds
    while (remaining := _session(leader_pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in remaining:
        _kill(pid)


def _signal_group(group: int, number: signal.Signals) -> None:
    # The group may be gone; macOS denies permission for a group of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _session(leader: int) -> list[int]:
    """Return the live processes of the session. PySpark's worker daemon leaves the group, but not the session."""
    if not Path("/proc/self").exists():
        return []
    pids = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, _group, session = entry.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue  # the process has ended
        if int(session) == leader and state != "Z":
            pids.append(int(entry.parent.name))
    return pids
