"""An HTTP forward proxy like that of a company's network: the only way to hosts that no one else can resolve.

Run with `python -m local.forward_proxy [--port N] [--resolve NAME=HOST:PORT]`. When it is ready, it prints one JSON
line, {"url": ...}. PROXY_CREDENTIALS (user:password) makes it require them (Basic). It connects to the names of
`--resolve` and to this machine, and refuses all others.

CONNECT opens a tunnel; a request with an absolute URL is forwarded, one on each connection. GET /_proxy/stats reports
the connections to each target and the requests that were refused: {"targets": {"crm.test:443": 4}, "refused": {"407":
1}}.
"""

import argparse
import asyncio
import base64
import hmac
import ipaddress
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

STATS = "/_proxy/stats"
_CHUNK_BYTES = 64 * 1024
_CONNECT_SECONDS = 10
_DROPPED = (b"proxy-authorization", b"proxy-connection", b"connection", b"keep-alive")

Address = tuple[str, int]


@dataclass(frozen=True)
class _Head:
    """The first line and the headers of a request; names are in lower case, values without blanks around them."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]

    def header(self, name: bytes) -> bytes:
        return next((value for each, value in self.headers if each == name), b"")

    def forwarded(self) -> bytes:
        """Return it as the server gets it: with a path as the target, for a connection of its own."""
        parts = urlsplit(self.target)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        kept = [b"%s: %s" % pair for pair in self.headers if pair[0] not in _DROPPED]
        return b"\r\n".join([f"{self.method} {path} HTTP/1.1".encode("latin-1"), *kept, b"Connection: close", b"", b""])


class ForwardProxy:
    """The proxy and its counts.

    :param resolve: address of each name that only the proxy knows, for any port
    :param credentials: user:password that clients must send; None accepts all clients
    """

    def __init__(self, resolve: Mapping[str, Address] | None = None, credentials: str | None = None) -> None:
        self._resolve = dict(resolve or {})
        self._credentials = None if credentials is None else base64.b64encode(credentials.encode())
        self.targets: Counter[str] = Counter()
        self.refused: Counter[int] = Counter()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a client."""
        # A client that is gone, or a request that is no HTTP, needs no answer.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            await self._serve(_parse(await reader.readuntil(b"\r\n\r\n")), reader, writer)
        writer.close()

    async def _serve(self, head: _Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if head.target == STATS:
            stats = {"targets": self.targets, "refused": {str(status): n for status, n in self.refused.items()}}
            return await _answer(writer, 200, json.dumps(stats).encode())
        if not self._is_authorized(head):
            return await self._refuse(writer, 407, b'Proxy-Authenticate: Basic realm="proxy"\r\n')
        host, port = _target(head)
        address = self._resolve.get(host) or ((host, port) if _is_local(host) else None)
        if address is None:
            return await self._refuse(writer, 403)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                upstream = await asyncio.open_connection(*address)
        except (OSError, TimeoutError):
            return await self._refuse(writer, 502)
        self.targets[f"{host}:{port}"] += 1
        if head.method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            upstream[1].write(head.forwarded())
        return await _tunnel((reader, writer), upstream)

    def _is_authorized(self, head: _Head) -> bool:
        if self._credentials is None:
            return True
        scheme, _, received = head.header(b"proxy-authorization").partition(b" ")
        return scheme.lower() == b"basic" and hmac.compare_digest(received.strip(), self._credentials)

    async def _refuse(self, writer: asyncio.StreamWriter, status: int, headers: bytes = b"") -> None:
        self.refused[status] += 1
        await _answer(writer, status, b"", headers)


def _parse(text: bytes) -> _Head:
    """Return the head of a request.

    :raises ValueError: when it has no three words in the first line
    """
    first, *lines = text.rstrip(b"\r\n").split(b"\r\n")
    method, target, _ = first.decode("latin-1").split(" ")
    pairs = (line.partition(b":") for line in lines)
    return _Head(method, target, tuple((name.strip().lower(), value.strip()) for name, _, value in pairs))


def _target(head: _Head) -> Address:
    """Return host and port that a request names.

    :raises ValueError: when it names none
    """
    parts = urlsplit(f"//{head.target}" if head.method == "CONNECT" else head.target)
    if not parts.hostname:
        raise ValueError("the request names no host")
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _is_local(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


async def _answer(writer: asyncio.StreamWriter, status: int, body: bytes, headers: bytes = b"") -> None:
    line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    writer.write(line.encode() + headers + b"\r\n" + body)
    await writer.drain()


_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _tunnel(client: _Streams, server: _Streams) -> None:
    """Copy bytes in both directions until one side ends."""
    copies = [asyncio.create_task(_copy(client[0], server[1])), asyncio.create_task(_copy(server[0], client[1]))]
    try:
        done, _ = await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        for copy in done:
            copy.result()
    except ConnectionError:
        # The other side sees the reset, too.
        for _, writer in (client, server):
            writer.transport.abort()
    finally:
        for copy in copies:
            copy.cancel()
        await asyncio.gather(*copies, return_exceptions=True)
        server[1].close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()


@asynccontextmanager
async def serving(proxy: ForwardProxy, port: int = 0) -> AsyncIterator[str]:
    """Serve until the block ends, and yield the base URL; port 0 takes a free port."""
    clients: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - the server runs each connection in a task
        clients.add(task)
        try:
            await proxy.handle(reader, writer)
        finally:
            clients.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


async def _run(proxy: ForwardProxy, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(proxy, port) as url:
        print(json.dumps({"url": url}), flush=True)
        await stop.wait()


def _resolved(text: str) -> tuple[str, Address]:
    name, _, address = text.partition("=")
    host, _, port = address.rpartition(":")
    if not name or not host:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected NAME=HOST:PORT")
    return name, (host, int(port))


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.forward_proxy", description="An HTTP forward proxy.")
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free port")
    parser.add_argument("--resolve", type=_resolved, action="append", default=[], metavar="NAME=HOST:PORT")
    arguments = parser.parse_args()
    proxy = ForwardProxy(dict(arguments.resolve), os.environ.get("PROXY_CREDENTIALS") or None)
    try:
        asyncio.run(_run(proxy, arguments.port))
    except OSError as error:
        print(f"local.forward_proxy: cannot listen on port {arguments.port}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
