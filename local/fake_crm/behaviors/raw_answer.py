"""An answer that is written byte by byte, past the HTTP server."""

import asyncio
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import responses as REASONS  # noqa: N812 (a constant, although http.client spells it small)

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from local.fake_crm.responses import FakeResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """The bytes of an answer, and what happens to the connection after them.

    :param what: what is unusual about it, in a few words
    :param status: for the CRM's counts; None if the bytes contain no status
    :param parts: the bytes; each part is a write of its own, with `pause_ms` in between
    :param applied: whether the update is applied before the answer
    :param close_after_ms: close the connection this long after the last byte, without an announcement; None keeps it
    :param reset: close with a reset instead of an orderly end
    """

    what: str
    status: int | None
    parts: tuple[bytes, ...]
    applied: bool = True
    pause_ms: float = 0
    close_after_ms: float | None = None
    reset: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The start of all bytes, for the log of requests."""
        return b"".join(self.parts)[:1024]

    def to_aiohttp(self) -> web.StreamResponse:
        """Return the answer for aiohttp."""
        return _RawResponse(self)


class _RawResponse(web.StreamResponse):
    """Writes the bytes of a `RawAnswer` where aiohttp would write a response."""

    def __init__(self, answer: RawAnswer) -> None:
        super().__init__()
        self._answer = answer

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write the answer."""
        answer = self._answer
        for index, part in enumerate(answer.parts):
            if index and answer.pause_ms:
                await asyncio.sleep(answer.pause_ms / 1000)
            if request.transport is not None:
                request.transport.write(part)
        if answer.reset:
            reset_connection(request)
        elif answer.close_after_ms is not None and request.transport is not None:
            asyncio.get_running_loop().call_later(answer.close_after_ms / 1000, request.transport.close)
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing: `prepare` has written everything."""


def render(response: FakeResponse, close_after_ms: float) -> RawAnswer:
    """Return a response as bytes, after which the connection is closed unannounced."""
    headers = {"Content-Type": response.content_type, **response.headers, "Content-Length": str(len(response.body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return RawAnswer(
        what="",
        status=response.status,
        parts=(
            f"HTTP/1.1 {response.status} {REASONS.get(response.status, '')}\r\n{head}\r\n".encode() + response.body,
        ),
        close_after_ms=close_after_ms,
        headers=response.headers,
    )


def reset_connection(request: web.BaseRequest) -> None:
    """Close the connection with a reset."""
    if request.transport is not None:
        # With a linger time of zero, closing the socket sends a reset instead of an orderly end.
        linger = struct.pack("ii", 1, 0)
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        request.transport.close()
