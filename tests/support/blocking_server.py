"""A server on the loopback interface that sends TLS alerts, which asyncio's servers do not."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.listening import accepting

_SECONDS = 5.0


@dataclass
class BlockingServer:
    """What the server received.

    :param answer: what it sends after the first bytes of each connection
    :param tls: None without TLS
    :param received: first bytes of each connection, after the TLS handshake
    """

    answer: bytes
    tls: ssl.SSLContext | None
    port: int = 0
    connections: int = 0
    received: list[bytes] = field(default_factory=list)

    def serve(self, connection: socket.socket) -> None:
        """Serve one connection."""
        self.connections += 1
        connection.settimeout(_SECONDS)
        with (
            contextlib.suppress(OSError),
            connection,
            self.tls.wrap_socket(connection, server_side=True) if self.tls else connection as stream,
        ):
            if data := stream.recv(65_536):
                self.received.append(data)
                stream.sendall(self.answer)


@contextlib.contextmanager
def blocking_server(answer: bytes = b"", tls: ssl.SSLContext | None = None) -> Iterator[BlockingServer]:
    """Run the server until the block ends. It serves one connection after another."""
    server = BlockingServer(answer, tls)
    with accepting(server.serve) as server.port:
        yield server
