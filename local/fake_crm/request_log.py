"""Every request as received, on disk rather than in memory (some 350 bytes each), found again by user."""

import json
import mmap
import tempfile
from typing import Any

_encode = json.JSONEncoder(separators=(",", ":")).encode


class RequestLog:
    """An unnamed temporary file of JSON lines; it is gone when the process ends, however it ends."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=1 << 20)  # noqa: SIM115 (lives as long as the log)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._file.seek(0)
        self._file.truncate()
        # A record is found as the start of a line, and so the first one needs a line end before it as well.
        self._file.write(b"\n")

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def add(self, user_id: str | None, **members: str | float | bool | None) -> None:
        """Note one request."""
        self._file.write(_encode({"user_id": user_id, **members}).encode() + b"\n")

    def of_user(self, user_id: str) -> list[dict[str, Any]]:
        """Return all requests that named this user, oldest first."""
        self._file.flush()
        # A raw line end never occurs inside a JSON string, so this cannot match within a body.
        needle = f'\n{{"user_id":{_encode(user_id)},'.encode()
        found: list[dict[str, Any]] = []
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            start = text.find(needle)
            while start >= 0:
                end = text.find(b"\n", start + 1)
                found.append(json.loads(text[start + 1 : end]))
                start = text.find(needle, end)
        return found
