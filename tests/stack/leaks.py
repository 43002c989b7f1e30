"""Searches for secrets where none may be: files, API responses, and command lines and environments of processes."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# They have the secrets that clients have to send.
_SERVERS = (b"local.fake_crm", b"local.forward_proxy")
_SAMPLE_SECONDS = 0.1


def find_in_text(canaries: Mapping[str, bytes], text: bytes, where: str) -> list[str]:
    """Return a line for each canary in a text; the line does not contain it."""
    return [f"{what} in {where}" for what, canary in canaries.items() if canary in text]


def find_in_files(canaries: Mapping[str, bytes], paths: Iterable[Path]) -> list[str]:
    """Return a line for each canary in each file; files that are gone or belong to another user are skipped."""
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            found += find_in_text(canaries, path.read_bytes(), str(path))
    return found


def temporary_files(since: float) -> list[Path]:
    """Return the files in the folders for temporary files that were written since a time in epoch seconds."""
    folders = {Path(tempfile.gettempdir()), Path("/dev/shm")}  # noqa: S108 - read only
    paths = [path for folder in folders for pattern in ("*", "*/*") for path in folder.glob(pattern)]
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            if path.is_file() and path.stat().st_mtime >= since:
                found.append(path)
    return found


@dataclass
class ProcessWatch:
    """What was found in processes.

    :param seen: command lines of all processes that were looked at
    """

    found: set[str] = field(default_factory=set)
    seen: set[bytes] = field(default_factory=set)

    def look(self, canaries: Mapping[str, bytes]) -> None:
        """Look at all processes of this user that run now."""
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes()
                if any(name in command for name in _SERVERS):
                    continue
                environment = (process / "environ").read_bytes()
                self.seen.add(command)
                self.found.update(find_in_text(canaries, command, "a command line"))
                self.found.update(find_in_text(canaries, environment, "an environment"))


@contextlib.contextmanager
def watched_processes(canaries: Mapping[str, bytes]) -> Iterator[ProcessWatch]:
    """Look at all processes several times a second until the block ends."""
    watch, stop = ProcessWatch(), threading.Event()

    def run() -> None:
        while not stop.wait(_SAMPLE_SECONDS):
            watch.look(canaries)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join()
