"""Connections to one HTTP server, kept from one request to the next; errors by whether a request can have been read.

A general client takes twice the CPU for a request that differs from the one before in its body and one header only.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import select
import socket
import ssl
from collections import deque
from typing import cast

from yarl import URL

from engagement_jobs.http_answers import AnswerReader, MalformedAnswerError

_CONNECT_SECONDS = 10.0
_ADDRESS_SECONDS = 3.0  # then the next one is tried, if there is one
# Load balancers end connections that were idle for a minute, and a request that meets such an end is in doubt.
_IDLE_SECONDS = 30.0
_KEEP_ALIVE_TIMEOUT = re.compile(r"\btimeout=([0-9]{1,9})\b", re.IGNORECASE)
_ADDRESSES_SECONDS = 60.0


class UnsentError(Exception):
    """The request surely did not reach the server; the text is the reason's machine word."""


class AmbiguousError(Exception):
    """The request may have been read, and applied; the text is the reason's machine word."""


class Connection(asyncio.Protocol):
    """One connection, with one request under way at most."""

    def __init__(self) -> None:
        self.closed = False
        self.good_until = 0.0
        self._cut = False
        self._reader = AnswerReader()
        self._answered: asyncio.Future[None] | None = None

    async def exchange(self, request: bytes, seconds: float) -> AnswerReader:
        """Send a request and give its answer, which came within `seconds`. Raises AmbiguousError."""
        loop = asyncio.get_running_loop()
        self._reader = reader = AnswerReader()
        self._answered = answered = loop.create_future()
        self._transport.write(request)
        timer = loop.call_later(seconds, self._fail, "timeout")
        try:
            await answered
        except BaseException:
            self.abort()
            raise
        finally:
            timer.cancel()
            self._answered = None
        if not reader.reusable:
            self.abort()
        return reader

    @property
    def silent(self) -> bool:
        """Whether nothing has come, not even its end, that the loop has yet to read: what comes next is an answer."""
        return not self.closed and not self._poll.poll(0)

    def abort(self) -> None:
        """Close it at once; what is under way is in doubt."""
        self.closed = True
        self._fail("reset")
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket"), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if self._answered is None or self._answered.done():
            self.abort()  # nobody asked
            return
        try:
            self._reader.feed(data)
        except MalformedAnswerError:
            self._fail("reset")
        else:
            self._succeed_if_done()

    def eof_received(self) -> None:
        """Called by asyncio, which then closes the connection; until it has, nobody else should take it."""
        self.closed = True
        if tls := self._transport.get_extra_info("ssl_object"):
            # TLS tells its end. Without that somebody else may have cut an answer that ends with its connection.
            try:
                self._cut = bool(tls.read(1))
            except ssl.SSLError:
                self._cut = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self.closed = True
        if self._answered is None or self._answered.done():
            return
        try:
            if exc is None and not self._cut:
                self._reader.end()
        except MalformedAnswerError:
            pass
        self._succeed_if_done()
        self._fail("reset")

    def _succeed_if_done(self) -> None:
        if self._reader.done and self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    def _fail(self, why: str) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(AmbiguousError(why))


class Connections:
    """As many connections to the server of `url` as there are requests at once, idle ones first.

    :param seconds: the most that a request may take, connecting included, which may have half of it
    """

    def __init__(self, url: URL, seconds: float) -> None:
        self._host, self._port, self._seconds = url.raw_host or "", url.port or 0, seconds
        # What is left is for the answer: a request that leaves with no time for one is in doubt at once.
        self._connect_seconds = min(_CONNECT_SECONDS, seconds / 2)
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._addresses: deque[str] = deque()
        self._known_until = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def exchange(self, request: bytes) -> AnswerReader:
        """Send a request and give its answer. Raises UnsentError or AmbiguousError."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        connection = self._take(started)
        if connection is None:
            connection = await self._connect()
            self._all.add(connection)
        try:
            answer = await connection.exchange(request, self._seconds - (loop.time() - started))
        finally:
            if connection.closed:
                self._all.discard(connection)
        if not connection.closed:
            connection.good_until = loop.time() + _good_for(answer)
            self._idle.append(connection)
        return answer

    async def close(self) -> None:
        """Close all connections; what is under way is in doubt."""
        for connection in self._all:
            connection.abort()
        await asyncio.sleep(0)  # asyncio closes sockets in its next step

    def _take(self, now: float) -> Connection | None:
        """The connection that was used last: the others may grow old, and end."""
        while self._idle:
            connection = self._idle.pop()
            if now < connection.good_until and connection.silent:
                return connection
            connection.abort()
            self._all.discard(connection)
        return None

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(self._connect_seconds):
                *others, last = await self._known_addresses()
                for address in others:
                    with contextlib.suppress(OSError):  # a TimeoutError is one
                        async with asyncio.timeout(min(_ADDRESS_SECONDS, self._connect_seconds / 2)):
                            return await self._connect_to(address)
                connection = await self._connect_to(last)
        except TimeoutError as error:
            raise UnsentError("connect_timeout") from error
        except (socket.gaierror, UnicodeError) as error:
            raise UnsentError("dns") from error
        except ssl.SSLError as error:
            raise UnsentError("tls") from error
        except OSError as error:
            self._known_until = 0.0  # it may have moved
            raise UnsentError("connect") from error
        return connection

    async def _connect_to(self, address: str) -> Connection:
        name = self._host.rstrip(".") if self._tls else None
        _, connection = await asyncio.get_running_loop().create_connection(
            Connection, address, self._port, ssl=self._tls, server_hostname=name
        )
        if connection.closed:
            raise ConnectionResetError("closed as soon as it was there")
        return connection

    async def _known_addresses(self) -> list[str]:
        """The server's addresses, each time another one first; asked for once a minute, not by every connection."""
        if not self._addresses or asyncio.get_running_loop().time() >= self._known_until:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask_for_addresses())
                self._asking.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody may be left
            # Who gives up leaves the question to the others: its thread runs on, and there are few of them.
            await asyncio.shield(self._asking)
        self._addresses.rotate()
        return list(self._addresses)

    async def _ask_for_addresses(self) -> None:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        self._addresses = deque(dict.fromkeys(str(address[0]) for *_, address in found))
        self._known_until = loop.time() + _ADDRESSES_SECONDS


def _good_for(answer: AnswerReader) -> float:
    """Seconds for which its connection may be idle: half of what the server says, for it has begun to count before."""
    said = _KEEP_ALIVE_TIMEOUT.search(answer.headers.get("keep-alive", ""))
    return min(_IDLE_SECONDS, int(said[1]) / 2) if said else _IDLE_SECONDS
