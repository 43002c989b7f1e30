"""A loopback server that sends raw bytes, to test an HTTP client against broken servers and networks."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import trustme

AUTHORITY = trustme.CA()
"""The certificate authority of the server."""
BODY = b'{"status": "updated"}'
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


@dataclass
class ReceivedRequest:
    """A request that the server received, and its connection.

    :param connection: number of the connection, from 1
    :param number: number of the request on this connection, from 1
    """

    connection: int
    number: int
    _writer: asyncio.StreamWriter

    async def write(self, data: bytes) -> None:
        """Send bytes. They arrive before bytes that are sent later."""
        self._writer.write(data)
        await self._writer.drain()
        await asyncio.sleep(0.02)

    def write_now(self, data: bytes) -> None:
        """Send bytes without waiting."""
        self._writer.write(data)

    def close_now(self) -> None:
        """Close the connection, even if a request has arrived."""
        self._writer.close()

    async def close(self) -> None:
        """Close the connection; with TLS, send close_notify."""
        self._writer.close()

    async def reset(self) -> None:
        """Reset the TCP connection."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def cut(self) -> None:
        """Close the TCP connection without TLS close_notify."""
        self._socket.shutdown(socket.SHUT_WR)
        await asyncio.sleep(0.1)

    @property
    def certificate(self) -> Any:
        """The certificate of the client, as `ssl.SSLSocket.getpeercert` returns it."""
        return self._writer.get_extra_info("peercert")

    @property
    def _socket(self) -> socket.socket:
        connection: socket.socket = self._writer.get_extra_info("socket")
        return connection


Responder = Callable[[ReceivedRequest], Awaitable[None]]


def respond(*parts: bytes, then: str = "hang") -> Responder:
    """Respond to each request with these bytes, one TCP segment per part.

    :param then: what follows: `close`, `reset`, `cut`, or `hang` to send nothing more
    """

    async def responder(request: ReceivedRequest) -> None:
        for part in parts:
            await request.write(part)
        if then != "hang":
            await getattr(request, then)()

    return responder


@dataclass
class RawServer:
    """What the server received.

    :param requests: bytes of each request
    :param connections: number of connections that were opened, TLS handshake included
    """

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


@contextlib.asynccontextmanager
async def raw_server(responder: Responder, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Run the server until the block ends."""
    server = RawServer()
    tasks: set[asyncio.Task[None] | None] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        server.connections += 1
        connection, number = server.connections, 0
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
                server.requests.append(head + await reader.readexactly(int(length)))
                number += 1
                await responder(ReceivedRequest(connection, number, writer))
        writer.transport.abort()

    listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    async with listener:
        server.port = listener.sockets[0].getsockname()[1]
        try:
            yield server
        finally:
            for task in tasks:
                if task is not None:
                    task.cancel()
            await asyncio.sleep(0)


def server_context() -> ssl.SSLContext:
    """Return the TLS context of `localhost`, with a certificate of `AUTHORITY`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("localhost").configure_cert(context)
    return context
