"""What is wrong with a server's certificate, in words that say who has to do what."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Codes of OpenSSL (X509_V_ERR_...), as in `ssl.SSLCertVerificationError.verify_code`.
_NOT_YET_VALID, _EXPIRED = 9, 10
_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN = 18, 19
# Either the authority is unknown, or an intermediate certificate is not sent.
_UNKNOWN_ISSUER = (2, 20, 21)
_WRONG_NAME, _WRONG_ADDRESS = 62, 64


def describe_problem(error: ssl.SSLCertVerificationError, host: str, port: int, seconds: float) -> str:
    """Return a clause about a certificate that was refused, and what to do about it.

    :param host: host name or address of the server
    :param seconds: timeout of the second connection that may be necessary
    """
    code, observed = error.verify_code, error.verify_message.rstrip(".")
    if code in (_EXPIRED, _NOT_YET_VALID):
        return f"the certificate is not valid today ({observed}); have the owner of the CRM renew it"
    if code in (_WRONG_NAME, _WRONG_ADDRESS):
        return (
            f"the certificate is for another host name ({observed}); correct base_url, or have the owner of the CRM "
            "add the name"
        )
    if code in _UNKNOWN_ISSUER and _lacks_intermediate(_sent_certificates(host, port, seconds)):
        return (
            f"the server sends its own certificate only ({observed}), so the intermediate certificate is likely "
            "missing; have the owner of the CRM install the full chain"
        )
    if code in (_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN, *_UNKNOWN_ISSUER):
        return (
            f"the certificate is from an authority that Airflow does not know ({observed}); check base_url, or have "
            "the owner of the CRM use a public authority"
        )
    return f"no TLS connection ({observed}); check the certificate"


def _lacks_intermediate(certificates: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a server that sends these certificates likely lacks the one of an intermediate authority.

    It sends only its own certificate. A public authority names the place of its certificate there; another one often
    has the same organization as a known authority.
    """
    if len(certificates) != 1:
        return False
    if certificates[0].get("caIssuers"):
        return True
    known = ssl.create_default_context().get_ca_certs()
    organizations = {name for authority in known for name in _organizations(authority.get("subject", ()))}
    return not organizations.isdisjoint(_organizations(certificates[0].get("issuer", ())))


def _organizations(name: Iterable[Any]) -> set[str]:
    return {value for attributes in name for kind, value in attributes if kind == "organizationName"}


def _sent_certificates(host: str, port: int, seconds: float) -> list[Mapping[str, Any]]:
    """Return the certificates that the server sends, empty if they cannot be read.

    Nothing but the handshake is sent over this connection, whose certificate is not verified.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=seconds) as connection,
            context.wrap_socket(connection, server_hostname=host) as tls,
        ):
            # The socket itself has this method in Python 3.13 only.
            chain = tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
            return [certificate.get_info() for certificate in chain]
    except (OSError, AttributeError):
        return []
