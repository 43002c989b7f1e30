"""All received requests by user, on disk because there may be millions (about 350 bytes each)."""

import json
import mmap
import tempfile
from typing import Any

_encode = json.JSONEncoder(separators=(",", ":")).encode


class RequestLog:
    """An unnamed temporary file of JSON lines, which the operating system removes when the process ends."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=1 << 20)  # noqa: SIM115 (lives as long as the log)
        self.clear()

    def clear(self) -> None:
        """Remove all entries."""
        self._file.seek(0)
        self._file.truncate()
        # `requests_of_user` searches for a line break and the start of an entry, so the first entry needs one as well.
        self._file.write(b"\n")

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def add(self, user_id: str | None, **members: str | float | bool | None) -> None:
        """Add a request.

        :param user_id: the user that the request names, if any
        :param members: other members of the entry
        """
        self._file.write(_encode({"user_id": user_id, **members}).encode() + b"\n")

    def requests_of_user(self, user_id: str) -> list[dict[str, Any]]:
        """Return all requests that name this user, oldest first."""
        self._file.flush()
        # A JSON string contains no raw line break, so this cannot match within a body.
        needle = f'\n{{"user_id":{_encode(user_id)},'.encode()
        entries: list[dict[str, Any]] = []
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            start = text.find(needle)
            while start >= 0:
                end = text.find(b"\n", start + 1)
                entries.append(json.loads(text[start + 1 : end]))
                start = text.find(needle, end)
        return entries
