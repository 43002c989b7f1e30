"""Output of job runs: into moto's CloudWatch Logs while they run, and into files."""

import os
import threading
import time
from pathlib import Path
from typing import IO

from moto.logs.models import logs_backends


class LogStream:
    """One stream of one log group; both are made when they are not there yet."""

    _lock = threading.Lock()  # moto's own log events are not thread-safe

    def __init__(self, account_id: str, region: str, group: str, stream: str):
        self.group = group
        self.stream = stream
        self._backend = logs_backends[account_id][region]
        with self._lock:
            if group not in self._backend.groups:
                self._backend.create_log_group(group, {})
            self._backend.create_log_stream(group, stream)

    def write(self, lines: list[str]) -> None:
        """Add one event a line, all of now."""
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines]
        with self._lock:
            self._backend.put_log_events(self.group, self.stream, events)


def follow(pipe: IO[bytes], into: LogStream, file: Path) -> threading.Thread:
    """Copy a process's output to the stream and the file as it comes, until it ends."""

    def copy() -> None:
        rest = b""
        with file.open("ab") as kept, pipe:
            while chunk := os.read(pipe.fileno(), 65536):  # whatever is there, so that progress shows at once
                kept.write(chunk)
                kept.flush()
                *lines, rest = (rest + chunk).split(b"\n")
                if lines:
                    into.write([line.decode(errors="replace") for line in lines])
            if rest:
                into.write([rest.decode(errors="replace")])

    thread = threading.Thread(target=copy, name=f"{into.stream} {into.group}", daemon=True)
    thread.start()
    return thread
