"""What is wrong with a server's certificate, in words that say who has to do what."""

from __future__ import annotations

import socket
import ssl

# Codes of OpenSSL (X509_V_ERR_...), as in `ssl.SSLCertVerificationError.verify_code`.
_NOT_YET_VALID, _EXPIRED = 9, 10
_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN = 18, 19
_NO_LOCAL_ISSUER, _NO_SIGNATURE_OF_LEAF = 20, 21
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
    if code in (_NO_LOCAL_ISSUER, _NO_SIGNATURE_OF_LEAF) and _number_sent(host, port, seconds) == 1:
        return (
            f"the server sends its own certificate only ({observed}), so the intermediate certificate is likely "
            "missing; have the owner of the CRM install the full chain"
        )
    if code in (_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN, _NO_LOCAL_ISSUER, _NO_SIGNATURE_OF_LEAF):
        return (
            f"the certificate is from an authority that Airflow does not know ({observed}); check base_url, or have "
            "the owner of the CRM use a public authority"
        )
    return f"no TLS connection ({observed}); check the certificate"


def _number_sent(host: str, port: int, seconds: float) -> int | None:
    """Return how many certificates the server sends, None if they cannot be read.

    OpenSSL reports the same error for a missing intermediate certificate and for an unknown authority. Nothing but the
    handshake is sent over this connection, whose certificate is not verified.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=seconds) as connection,
            context.wrap_socket(connection, server_hostname=host) as tls,
        ):
            # The method of the socket itself is new in Python 3.13.
            source = tls if hasattr(tls, "get_unverified_chain") else tls._sslobj  # type: ignore[attr-defined]
            return len(source.get_unverified_chain())
    except (OSError, AttributeError):
        return None
