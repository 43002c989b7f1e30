"""Output of job runs: copied to moto's CloudWatch Logs and to files while they run."""

import os
import threading
import time
from pathlib import Path
from typing import IO

from moto.logs.models import logs_backends


class LogStream:
    """A log stream. It is created together with its log group if that is missing."""

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
        """Add one event per line, with the current time."""
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines]
        with self._lock:
            self._backend.put_log_events(self.group, self.stream, events)


def copy_output(pipe: IO[bytes], stream: LogStream, file: Path) -> threading.Thread:
    """Start a thread that copies the output of a process to the stream and the file as it arrives."""

    def copy() -> None:
        rest = b""
        with file.open("ab") as log_file, pipe:
            while chunk := os.read(pipe.fileno(), 65536):  # what is available, so that progress is visible at once
                log_file.write(chunk)
                log_file.flush()
                *lines, rest = (rest + chunk).split(b"\n")
                if lines:
                    stream.write([line.decode(errors="replace") for line in lines])
            if rest:
                stream.write([rest.decode(errors="replace")])

    thread = threading.Thread(target=copy, name=f"{stream.stream} {stream.group}", daemon=True)
    thread.start()
    return thread
