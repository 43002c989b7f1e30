"""A forward proxy on the loopback interface whose answers a test chooses. It connects every name to 127.0.0.1."""

from __future__ import annotations

import base64
import contextlib
import re
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.listening import accepting

_HEAD_END = b"\r\n\r\n"
_SECONDS = 10.0


@dataclass
class ScriptedProxy:
    """What the proxy received.

    :param answer: bytes that it sends for every request instead of connecting; None to connect
    :param credentials: `user:password` that it demands, empty if none
    :param tls: context of the proxy's own TLS, None for plain HTTP
    :param url: URL of the proxy
    :param requests: first line of each request
    """

    answer: bytes | None
    credentials: str
    tls: ssl.SSLContext | None
    url: str = ""
    requests: list[str] = field(default_factory=list)
    _tasks: list[threading.Thread] = field(default_factory=list)

    def serve(self, client: socket.socket) -> None:
        """Serve a connection in a thread of its own."""
        thread = threading.Thread(target=self._serve, args=(client,))
        thread.start()
        self._tasks.append(thread)

    def join(self) -> None:
        """Wait until all connections have ended."""
        for thread in self._tasks:
            thread.join()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(_SECONDS)
        with contextlib.suppress(OSError), client:
            if self.tls is not None:
                client = self.tls.wrap_socket(client, server_side=True)
            with client:
                self._answer(client)

    def _answer(self, client: socket.socket) -> None:
        received = b""
        while _HEAD_END not in received:
            if not (data := client.recv(65_536)):
                return
            received += data
        head, _, rest = received.partition(_HEAD_END)
        line, *headers = head.decode().split("\r\n")
        self.requests.append(line)
        expected = f"Basic {base64.b64encode(self.credentials.encode()).decode()}"
        if self.answer is not None:
            client.sendall(self.answer)
        elif self.credentials and f"Proxy-Authorization: {expected}" not in headers:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        else:
            self._connect(client, line, headers, rest)

    def _connect(self, client: socket.socket, line: str, headers: list[str], rest: bytes) -> None:
        method, target, version = line.split(" ")
        match = re.match(r"(?:http://)?[^/]*?(?::(\d+))?(/.*)?$", target)
        assert match is not None
        with socket.create_connection(("127.0.0.1", int(match[1] or 80)), _SECONDS) as server:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                server.sendall(rest)
            else:
                kept = [each for each in headers if not each.lower().startswith("proxy-")]
                server.sendall("\r\n".join([f"{method} {match[2] or '/'} {version}", *kept, "", ""]).encode() + rest)
            _relay(client, server)


def _relay(client: socket.socket, server: socket.socket) -> None:
    """Copy bytes in both directions, in one thread because TLS connections may not be used by two."""
    targets = {client: server, server: client}
    while targets:
        readable, _, _ = select.select(list(targets), [], [], _SECONDS)
        if not readable:
            return
        for source in readable:
            if data := source.recv(65_536):
                targets[source].sendall(data)
            else:
                targets.pop(source).shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def scripted_proxy(
    answer: bytes | None = None, credentials: str = "", tls: ssl.SSLContext | None = None
) -> Iterator[ScriptedProxy]:
    """Run a proxy until the block ends.

    :param tls: context of the proxy's own TLS, None for plain HTTP
    """
    proxy = ScriptedProxy(answer, credentials, tls)
    scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
    try:
        with accepting(proxy.serve) as port:
            proxy.url = f"{scheme}://{host}:{port}"
            yield proxy
    finally:
        proxy.join()
