"""The server's side of TLS."""

import ssl
from pathlib import Path


def server_context(certificate: Path, key: Path, client_authority: Path | None = None) -> ssl.SSLContext:
    """Return the TLS context of a server.

    :param certificate: PEM file of its certificate, followed by those of intermediate authorities
    :param client_authority: PEM file; require certificates of this authority from clients
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if client_authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_authority)
    return context
