"""Servers whose certificates a client must refuse; they answer nothing."""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from local import certificates
from tests.support.listening import accepting


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
            ports[problem] = stack.enter_context(accepting(functools.partial(_shake_hands, context)))
        yield TlsServers(ports, certificates.write(folder / "authorities.pem", root))


def _shake_hands(context: ssl.SSLContext, connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(5)
        context.wrap_socket(connection, server_side=True).close()
