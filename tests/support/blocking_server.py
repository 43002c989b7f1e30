"""A server on the loopback interface that sends TLS alerts, which asyncio's servers do not."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_SECONDS = 5.0


@dataclass
class BlockingServer:
    """What the server received.

    :param answer: what it sends after the first bytes of each connection
    :param received: first bytes of each connection, after the TLS handshake
    """

    port: int
    answer: bytes
    connections: int = 0
    received: list[bytes] = field(default_factory=list)

    def accept(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Serve one connection after another until the socket is shut down."""
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.connections += 1
            connection.settimeout(_SECONDS)
            with (
                contextlib.suppress(OSError),
                connection,
                tls.wrap_socket(connection, server_side=True) if tls else connection as stream,
            ):
                if data := stream.recv(65_536):
                    self.received.append(data)
                    stream.sendall(self.answer)


@contextlib.contextmanager
def blocking_server(answer: bytes = b"", tls: ssl.SSLContext | None = None) -> Iterator[BlockingServer]:
    """Run the server until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = BlockingServer(listening.getsockname()[1], answer)
        thread = threading.Thread(target=server.accept, args=(listening, tls))
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
