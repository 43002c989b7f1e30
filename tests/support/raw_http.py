"""A server of raw bytes on loopback: what an HTTP client meets when a server or the network misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import trustme

AUTHORITY = trustme.CA()
"""The only one that vouches for the server."""
BODY = b'{"status": "updated"}'
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


@dataclass
class Call:
    """One request that has come, and the means to answer it.

    :param connection: number of its connection, from 1
    :param number: number of the request on this connection, from 1
    """

    connection: int
    number: int
    _writer: asyncio.StreamWriter

    async def write(self, data: bytes) -> None:
        """Send bytes, which arrive before anything that is sent later."""
        self._writer.write(data)
        await self._writer.drain()
        await asyncio.sleep(0.02)

    async def close(self) -> None:
        """End the connection in good order; under TLS with close_notify."""
        self._writer.close()

    async def reset(self) -> None:
        """Reset the TCP connection."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def cut(self) -> None:
        """End the TCP connection without a word of TLS."""
        self._socket.shutdown(socket.SHUT_WR)
        await asyncio.sleep(0.1)

    @property
    def _socket(self) -> socket.socket:
        found: socket.socket = self._writer.get_extra_info("socket")
        return found


Answers = Callable[[Call], Awaitable[None]]


def replies(*parts: bytes, then: str = "hang") -> Answers:
    """Answer each request with these bytes, one segment a part; then `close`, `reset`, `cut`, or send nothing more."""

    async def answers(call: Call) -> None:
        for part in parts:
            await call.write(part)
        if then != "hang":
            await getattr(call, then)()

    return answers


@dataclass
class RawServer:
    """What the server has seen.

    :param requests: as received
    :param connections: that were opened, a TLS handshake included
    """

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


@contextlib.asynccontextmanager
async def raw_server(answers: Answers, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Serve until the block is left."""
    seen = RawServer()
    tasks: set[asyncio.Task[None] | None] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        seen.connections += 1
        connection, number = seen.connections, 0
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
                seen.requests.append(head + await reader.readexactly(int(length)))
                number += 1
                await answers(Call(connection, number, writer))
        writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    async with server:
        seen.port = server.sockets[0].getsockname()[1]
        try:
            yield seen
        finally:
            for task in tasks:
                if task is not None:
                    task.cancel()
            await asyncio.sleep(0)


def server_context() -> ssl.SSLContext:
    """TLS as `localhost`, with a certificate of `AUTHORITY`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("localhost").configure_cert(context)
    return context
