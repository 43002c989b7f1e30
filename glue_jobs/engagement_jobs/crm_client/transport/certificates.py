"""Reason codes of a TLS certificate that the job does not accept."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

from engagement_jobs.crm_client.transport.connect_only import ConnectOnlyRequest, connect

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


async def certificate_reason(verify_code: int, request: aiohttp.ClientRequest) -> str:
    """Return the reason code of a refused certificate.

    A missing intermediate certificate is inferred from a second look at the certificates that the server sends.

    :param verify_code: code of OpenSSL; 0 if it is not known
    :param request: the request for which the connection was opened
    """
    if verify_code in _UNKNOWN_ISSUER:
        context: ssl.SSLContext = request.session.connector._ssl  # type: ignore[union-attr]
        is_intermediate_missing = _lacks_intermediate(await _sent_certificates(request), context.get_ca_certs())
        return "tls_missing_intermediate" if is_intermediate_missing else "tls_unknown_ca"
    return _REASONS.get(verify_code, "tls")


def _lacks_intermediate(certificates: Sequence[Mapping[str, Any]], trusted: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a server that sends these certificates likely lacks the one of an intermediate authority.

    It sends only its own certificate. A public authority names the place of its certificate there; another one often
    has the same organization as a trusted authority.
    """
    if len(certificates) != 1:
        return False
    if certificates[0].get("caIssuers"):
        return True
    organizations = {name for authority in trusted for name in _organizations(authority.get("subject", ()))}
    return not organizations.isdisjoint(_organizations(certificates[0].get("issuer", ())))


def _organizations(name: Iterable[Any]) -> set[str]:
    return {value for attributes in name for kind, value in attributes if kind == "organizationName"}


class _Recorder(ResponseHandler):
    """Keeps the TLS connections that are opened; the server may close them at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seen: list[ssl.SSLObject]) -> None:
        super().__init__(loop)
        self._seen = seen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep a connection after its handshake."""
        super().connection_made(transport)
        if (tls := transport.get_extra_info("ssl_object")) is not None:
            self._seen.append(tls)


async def _sent_certificates(request: aiohttp.ClientRequest) -> list[Mapping[str, Any]]:
    """Return the certificates that a server sends; none if that cannot be found out."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent over this connection
    seen: list[ssl.SSLObject] = []
    loop = asyncio.get_running_loop()

    def create_recorder() -> ResponseHandler:
        return _Recorder(loop, seen)

    connector = aiohttp.TCPConnector(ssl=context)
    connector._factory = functools.partial(create_recorder)
    with contextlib.suppress(aiohttp.ClientError, OSError):
        async with aiohttp.ClientSession(
            connector=connector,
            request_class=ConnectOnlyRequest,
            timeout=aiohttp.ClientTimeout(_TIMEOUT_SECONDS),
            trust_env=False,
        ) as session:
            await connect(session, request.url, request.proxy, request.proxy_auth)
    with contextlib.suppress(AttributeError, IndexError):
        # The last one: a proxy may have TLS too. Python 3.13 has a public method for this.
        return [certificate.get_info() for certificate in seen[-1]._sslobj.get_unverified_chain()]  # type: ignore[attr-defined]
    return []
