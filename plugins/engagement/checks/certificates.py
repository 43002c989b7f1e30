"""What is wrong with a server's certificate, in words that say who has to do what."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

# Codes of OpenSSL (X509_V_ERR_...), as in `ssl.SSLCertVerificationError.verify_code`.
_NOT_YET_VALID, _EXPIRED = 9, 10
_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN = 18, 19
# Either the authority is unknown, or an intermediate certificate is not sent.
_UNKNOWN_ISSUER = (2, 20, 21)
_WRONG_NAME, _WRONG_ADDRESS = 62, 64


def describe_problem(
    error: ssl.SSLCertVerificationError,
    sent_certificates: Callable[[], Sequence[Mapping[str, Any]]],
    context: ssl.SSLContext,
) -> str:
    """Return a clause about a certificate that was refused, and what to do about it.

    :param sent_certificates: returns the certificates that the server sends, from a second connection
    :param context: with the trusted certificates
    """
    code, observed = error.verify_code, error.verify_message.rstrip(".")
    if code in (_EXPIRED, _NOT_YET_VALID):
        return f"the certificate is not valid today ({observed}); have the owner of the CRM renew it"
    if code in (_WRONG_NAME, _WRONG_ADDRESS):
        return (
            f"the certificate is for another host name ({observed}); correct base_url, or have the owner of the CRM "
            "add the name"
        )
    if code in _UNKNOWN_ISSUER and _lacks_intermediate(sent_certificates(), context):
        return (
            f"the server sends its own certificate only ({observed}), so the intermediate certificate is likely "
            "missing; have the owner of the CRM install the full chain"
        )
    if code in (_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN, *_UNKNOWN_ISSUER):
        return (
            f"the certificate is from an authority that Airflow does not know ({observed}); check base_url, or name "
            "a file with that authority in ca_uri"
        )
    return f"no TLS connection ({observed}); check the certificate"


def _lacks_intermediate(certificates: Sequence[Mapping[str, Any]], context: ssl.SSLContext) -> bool:
    """Return whether a server that sends these certificates likely lacks the one of an intermediate authority.

    It sends only its own certificate. A public authority names the place of its certificate there; another one often
    has the same organization as a known authority.
    """
    if len(certificates) != 1:
        return False
    if certificates[0].get("caIssuers"):
        return True
    known = context.get_ca_certs()
    organizations = {name for authority in known for name in _organizations(authority.get("subject", ()))}
    return not organizations.isdisjoint(_organizations(certificates[0].get("issuer", ())))


def _organizations(name: Iterable[Any]) -> set[str]:
    return {value for attributes in name for kind, value in attributes if kind == "organizationName"}
