"""What happens to a file after it was written."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import parquet_files
from tests.writers import programs
from tests.writers.spec import File


def apply(path: Path, kind: str, **arguments: Any) -> None:
    """Change a file in place.

    :param kind: one of `KINDS`
    """
    path.write_bytes(KINDS[kind](path, **arguments))


def _values(path: Path, column: str) -> tuple[int, int]:
    """Return where the last 40% of a column chunk begin and end: always values, not the header of its first page."""
    start, end = parquet_files.chunk_range(path.read_bytes(), column)
    return end - 2 * (end - start) // 5, end


def _zeros(path: Path, column: str) -> bytes:
    """Overwrite values with zeros."""
    begin, end = _values(path, column)
    body = path.read_bytes()
    return body[:begin] + bytes(end - begin) + body[end:]


def _flip(path: Path, column: str) -> bytes:
    """Flip one bit of a value."""
    _, end = _values(path, column)
    body = bytearray(path.read_bytes())
    body[end - 6] ^= 4
    return bytes(body)


def _cut(path: Path, column: str, length: int) -> bytes:
    """Leave out bytes in the middle."""
    begin, _ = _values(path, column)
    body = path.read_bytes()
    return body[:begin] + body[begin + length :]


def _truncate(path: Path, keep: int) -> bytes:
    """Keep the first bytes only."""
    return path.read_bytes()[:keep]


def _twice(path: Path, times: int = 2) -> bytes:
    """Write the file several times in a row, as `cat` does."""
    return path.read_bytes() * times


def _joined(path: Path, file: str) -> bytes:
    """Append another file, as `cat` does.

    :param file: as JSON
    """
    first = path.read_bytes()
    programs.write(File.from_json(file), path)
    return first + path.read_bytes()


def _after(path: Path, text: str) -> bytes:
    """Write something after the end."""
    return path.read_bytes() + text.encode()


def _before(path: Path, text: str) -> bytes:
    """Write something before the beginning, such as the mark of UTF-8."""
    return text.encode() + path.read_bytes()


def _footer(path: Path, byte: int) -> bytes:
    """Fill the footer with one byte."""
    body = path.read_bytes()
    length = int.from_bytes(body[-8:-4], "little")
    return body[: -8 - length] + bytes([byte]) * length + body[-8:]


def _compress(path: Path) -> bytes:
    """Compress the file as a whole."""
    return gzip.compress(path.read_bytes(), mtime=0)


KINDS: dict[str, Callable[..., bytes]] = {
    "zeros": _zeros,
    "flip": _flip,
    "cut": _cut,
    "truncate": _truncate,
    "twice": _twice,
    "joined": _joined,
    "after": _after,
    "before": _before,
    "footer": _footer,
    "compress": _compress,
}
