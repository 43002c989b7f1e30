"""Find the processes of one Glue run by their environment, and kill them."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A live process; `parent` is the command line of its parent."""

    pid: int
    command: str
    parent: str


def of_run(run_id: str) -> list[Process]:
    """Return the live processes of a Glue run: those with its id in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if run_id.encode() in (folder / "environ").read_bytes():
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                found.append(Process(int(folder.name), _command(folder), _command(folder.with_name(parent))))
    return [process for process in found if process.command]  # a zombie has none


def kill_worker(run_id: str) -> None:
    """Kill one of Spark's Python workers."""
    workers = [each for each in of_run(run_id) if "pyspark.daemon" in each.command and "pyspark.daemon" in each.parent]
    _kill(run_id, workers[:1])


def kill_driver(run_id: str) -> None:
    """Kill the JVM, which is both driver and executor here."""
    _kill(run_id, [each for each in of_run(run_id) if "org.apache.spark" in each.command])


def kill_job(run_id: str) -> None:
    """Kill all processes, as when the machine is lost."""
    _kill(run_id, of_run(run_id))


def _kill(run_id: str, processes: list[Process]) -> None:
    if not processes:
        raise RuntimeError(f"Glue run {run_id} has no such process to kill")
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def _command(folder: Path) -> str:
    return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
