"""One answer out of the bytes of a connection: HTTP/1.1's framing (RFC 9112), and of a body as much as may matter.

Strict where the framing is concerned: what is not surely an answer is none, and its record stays in doubt.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

MOST_BODY = 65_536
_MOST_HEAD = 65_536
_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-5][0-9]{2})(?: |$)")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
# Said twice, these mean something else than when they are said once.
_REPEATED = ("content-length", "transfer-encoding", "connection", "content-encoding")
_LENGTH = re.compile(r"[0-9]{1,18}")
_COMPRESSED = ("gzip", "x-gzip", "deflate")
_NO_BODY = (204, 304)


class MalformedAnswerError(Exception):
    """What came is not HTTP/1.1, or was cut off."""


class AnswerReader:
    """Takes what a connection receives after a request. Once `done`, `status`, `headers` and `body` are the answer's.

    `headers` has names in lower case, and of a header that is there several times the first. `body` is cut after 64 KiB
    or so. Whether the connection can carry another request is `reusable`.
    """

    __slots__ = ("_data", "_length", "_parts", "_persistent", "body", "done", "headers", "reusable", "status")

    def __init__(self) -> None:
        self.done = False
        self.reusable = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self._data = b""
        self._persistent = False
        self._length: int | None = None
        self._parts: Iterator[None] | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises MalformedAnswerError."""
        self._data = self._data + data if self._data else data
        while not self.status:
            if not self._read_head():
                return
        if self._parts is not None:
            next(self._parts, None)
        elif self._length is None:  # until the connection ends
            if len(self._data) >= MOST_BODY:
                self._finish(self._data, at_its_end=False)
        elif len(self._data) >= min(self._length, MOST_BODY):
            # What comes beyond its end nobody asked for; what is not read to its end is in the way of the next one.
            self._finish(self._data[: self._length], at_its_end=len(self._data) == self._length)

    def end(self) -> None:
        """The connection has ended in good order. Raises MalformedAnswerError when the answer has not."""
        if not self.status or self._parts is not None or self._length is not None:
            raise MalformedAnswerError("cut off")
        self._finish(self._data, at_its_end=False)

    def _read_head(self) -> bool:
        """Whether the head is complete; an interim one (1xx) is skipped."""
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            if len(self._data) > _MOST_HEAD:
                raise MalformedAnswerError("no end of its head")
            return False
        first, *lines = self._data[:end].decode("latin-1").split("\r\n")
        self._data = self._data[end + 4 :]
        found = _STATUS_LINE.match(first)
        if found is None or found[2] == "101":
            raise MalformedAnswerError("no status line")
        if found[2][0] == "1":
            return True
        self.headers = headers = _headers(lines)
        self.status = int(found[2])
        coding = headers.get("transfer-encoding")
        length = headers.get("content-length")
        self._persistent = found[1] == "1" and "close" not in headers.get("connection", "").lower()
        if self.status in _NO_BODY:
            self._length = 0  # whatever it announces; should that come all the same, it is not to meet the next request
            self._persistent = self._persistent and coding is None and length in (None, "0")
        elif coding is not None:
            if coding.lower() != "chunked":
                raise MalformedAnswerError("no transfer coding that was asked for")
            self._persistent = self._persistent and length is None
            self._parts = self._chunks()
        elif length is not None:
            if not _LENGTH.fullmatch(length):
                raise MalformedAnswerError("no length")
            self._length = int(length)
        return True

    def _chunks(self) -> Iterator[None]:
        """Read chunks; steps whenever more bytes are needed."""
        body = b""
        while len(body) < MOST_BODY:
            while (end := self._data.find(b"\r\n")) < 0:
                if len(self._data) > _MOST_HEAD:
                    raise MalformedAnswerError("no end of a chunk's size")
                yield
            size = _CHUNK_SIZE.fullmatch(self._data[:end])
            if size is None:
                raise MalformedAnswerError("no size of a chunk")
            length, start = int(size[1], 16), end + 2
            if not length:
                # Trailers, if any, and an empty line.
                while (end := self._data.find(b"\r\n\r\n", start - 2)) < 0:
                    if len(self._data) > _MOST_HEAD:
                        raise MalformedAnswerError("no end of its trailers")
                    yield
                self._finish(body, at_its_end=len(self._data) == end + 4)
                return
            while len(self._data) < start + min(length, MOST_BODY) + 2:
                yield
            body += self._data[start : start + min(length, MOST_BODY)]
            if length > MOST_BODY:
                break
            if self._data[start + length : start + length + 2] != b"\r\n":
                raise MalformedAnswerError("no end of a chunk")
            self._data = self._data[start + length + 2 :]
        self._finish(body, at_its_end=False)

    def _finish(self, body: bytes, at_its_end: bool) -> None:
        """:param at_its_end: whether nothing of the answer is still to come, and nothing else came"""
        encoding = self.headers.get("content-encoding", "identity").lower()
        if encoding in _COMPRESSED:  # which nobody asked for
            body = _decompressed(body)
        elif encoding not in ("", "identity"):
            raise MalformedAnswerError("no encoding of its body that was asked for")
        self.body = body[:MOST_BODY]
        self.done, self.reusable, self._data = True, self._persistent and at_its_end, b""


def _decompressed(body: bytes) -> bytes:
    """As much of it as matters. What is not all there could hide a failure."""
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        found = stream.decompress(body, MOST_BODY)
    except zlib.error as error:
        raise MalformedAnswerError("not compressed as it says") from error
    if len(found) < MOST_BODY and (not stream.eof or stream.unused_data):
        raise MalformedAnswerError("not all of what was compressed")
    return found


def _headers(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or name.split() != [name]:  # a continued line among them, which RFC 9112 has done away with
            raise MalformedAnswerError("no header")
        if name not in found:
            found[name] = value.strip()
        elif name in _REPEATED:
            found[name] += f", {value.strip()}"
    return found
