"""Servers whose certificates a client must refuse; they answer nothing."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from local import certificates


@dataclass(frozen=True)
class TlsServers:
    """Running servers on the loopback interface.

    :param ports: port of each server by the problem of its certificate
    :param authorities: PEM file of the authorities that a client trusts
    """

    ports: Mapping[str, int]
    authorities: Path


@contextlib.contextmanager
def tls_servers(folder: Path) -> Iterator[TlsServers]:
    """Serve one certificate for each problem; the name `localhost` is right but for `wrong_name`."""
    root, stranger = certificates.authority("root"), certificates.authority("stranger")
    intermediate = certificates.authority("intermediate", root)
    served = {
        "expired": (certificates.issue("localhost", root, days=(-9, -1)),),
        "unknown_ca": (certificates.issue("localhost", stranger), stranger),
        "missing_intermediate": (certificates.issue("localhost", intermediate),),
        "wrong_name": (certificates.issue("crm.example", root),),
    }
    with contextlib.ExitStack() as stack:
        ports = {}
        for problem, chain in served.items():
            own_folder = folder / problem
            own_folder.mkdir(parents=True)
            context = certificates.server_context(own_folder, *chain)
            ports[problem] = stack.enter_context(_accepting(context))
        yield TlsServers(ports, certificates.write(folder / "authorities.pem", root))


@contextlib.contextmanager
def _accepting(context: ssl.SSLContext) -> Iterator[int]:
    """Shake hands with every client; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def shake_hands() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(5)
                    context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=shake_hands)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
