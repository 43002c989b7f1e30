"""Reason codes of a TLS certificate that the job does not accept."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterable, Mapping
from typing import Any, Final

# Codes of OpenSSL (X509_V_ERR_*).
_REASONS: Final = {
    9: "tls_expired",  # not valid yet
    10: "tls_expired",
    18: "tls_unknown_ca",  # self-signed
    19: "tls_unknown_ca",  # self-signed certificate in the chain
    62: "tls_wrong_name",
    64: "tls_wrong_name",  # of an IP address
}
# The issuer of a certificate is unknown: either its authority is, or an intermediate certificate is not sent.
_UNKNOWN_ISSUER = (2, 20, 21)
_TIMEOUT_SECONDS = 5.0


async def certificate_reason(verify_code: int, host: str, port: int | None) -> str:
    """Return the reason code of a refused certificate.

    A missing intermediate certificate is inferred from a second look at the certificates that the server sends.

    :param verify_code: code of OpenSSL; 0 if it is not known
    :param host: of the server
    """
    if verify_code in _UNKNOWN_ISSUER:
        is_intermediate_missing = _lacks_intermediate(await _sent_certificates(host, port))
        return "tls_missing_intermediate" if is_intermediate_missing else "tls_unknown_ca"
    return _REASONS.get(verify_code, "tls")


def _lacks_intermediate(certificates: list[Mapping[str, Any]]) -> bool:
    """Return whether a server that sends these certificates likely lacks the one of an intermediate authority.

    It sends only its own certificate. A public authority names the place of its certificate there; another one often
    has the same organization as a trusted authority.
    """
    if len(certificates) != 1:
        return False
    if certificates[0].get("caIssuers"):
        return True
    trusted = ssl.create_default_context().get_ca_certs()
    organizations = {name for authority in trusted for name in _organizations(authority.get("subject", ()))}
    return not organizations.isdisjoint(_organizations(certificates[0].get("issuer", ())))


def _organizations(name: Iterable[Any]) -> set[str]:
    return {value for attributes in name for kind, value in attributes if kind == "organizationName"}


async def _sent_certificates(host: str, port: int | None) -> list[Mapping[str, Any]]:
    """Return the certificates that a server sends; none if that cannot be found out."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent over this connection
    with contextlib.suppress(OSError, AttributeError):
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
        try:
            # Python 3.13 has a public method for this.
            chain = writer.get_extra_info("ssl_object")._sslobj.get_unverified_chain()
            return [certificate.get_info() for certificate in chain]
        finally:
            writer.transport.abort()
    return []
