"""Connections of the CRM check: the same way as those of the push, whatever the environment says."""

import contextlib
import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from engagement.contract import network

_ALERT_SECONDS = 0.5  # with TLS 1.3 the server checks the client's certificate after the handshake


@dataclass(frozen=True)
class CrmNetwork:
    """The way to the CRM.

    :param proxy_url: URL of the proxy without user name and password; empty if there is none
    :param no_proxy: hosts to connect to directly, see `contract.network.choose_proxy`
    :param ca_pem: certificates that are trusted in addition to the system's, None if there are none
    """

    proxy_url: str = ""
    no_proxy: str = ""
    ca_pem: str | None = None

    def proxy_for(self, url: str) -> str | None:
        """Return the URL of the proxy for a request, None if it goes directly to its host."""
        return network.choose_proxy(url, self.proxy_url, self.no_proxy)

    def tls_context(self) -> ssl.SSLContext:
        """Return a new context of TLS connections."""
        return network.tls_context(self.ca_pem)


class _ContextAdapter(HTTPAdapter):
    """Uses one TLS context for the CRM and for the proxy, and adds no certificates of requests' own."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, ssl_context=self._context, **options)  # type: ignore[no-untyped-call]

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        contexts = {"ssl_context": self._context, "proxy_ssl_context": self._context}
        return super().proxy_manager_for(proxy, **contexts, **options)  # type: ignore[no-untyped-call]

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Leave the trusted certificates to the context."""


def open_session(way: CrmNetwork, url: str) -> requests.Session:
    """Return a session for requests to one URL. It reads no proxy, certificates or passwords from the environment."""
    session = requests.Session()
    session.trust_env = False
    adapter = _ContextAdapter(way.tls_context())
    for prefix in ("https://", "http://"):
        session.mount(prefix, adapter)
    if proxy := way.proxy_for(url):
        session.proxies = {"https": proxy, "http": proxy}
    return session


def sent_certificates(way: CrmNetwork, url: str, seconds: float) -> list[Mapping[str, Any]]:
    """Return the certificates that the server sends, empty if they cannot be read.

    Nothing but the handshake is sent over this connection, whose certificate is not verified.

    :param seconds: timeout
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.closing(_tls_connection(way, url, context, seconds)) as connection:
        try:
            connection.connect()
            # The socket itself has this method in Python 3.13 only.
            chain = connection.sock._sslobj.get_unverified_chain()  # type: ignore[union-attr]
        except (OSError, http.client.HTTPException, AttributeError):
            return []
    return [certificate.get_info() for certificate in chain]


def refuses_clients(way: CrmNetwork, url: str, seconds: float) -> bool:
    """Return whether the server closes a connection after the TLS handshake although nothing was sent.

    :param seconds: timeout of the handshake
    """
    with contextlib.closing(_tls_connection(way, url, way.tls_context(), seconds)) as connection:
        try:
            connection.connect()
        except (OSError, http.client.HTTPException):
            return False
        try:
            connection.sock.settimeout(_ALERT_SECONDS)
            return not connection.sock.recv(1)
        except TimeoutError:
            return False
        except OSError:
            return True


def _tls_connection(way: CrmNetwork, url: str, context: ssl.SSLContext, seconds: float) -> http.client.HTTPSConnection:
    """Return a connection to the host of a URL that is not open yet. It cannot use a proxy that itself has TLS."""
    target = urlsplit(url)
    proxy = urlsplit(way.proxy_for(url) or url)
    connection = http.client.HTTPSConnection(proxy.hostname or "", proxy.port or 443, timeout=seconds, context=context)
    if proxy.netloc != target.netloc:
        connection.set_tunnel(target.hostname or "", target.port or 443)
    return connection
