"""Why the CRM check got no response, in words that say who has to do what."""

import re
import socket
import ssl
from urllib.parse import urlsplit

from requests.exceptions import ConnectTimeout, ProxyError, ReadTimeout, RequestException, SSLError

from engagement.checks.certificates import describe_problem
from engagement.checks.crm_connection import CrmNetwork, refuses_clients, sent_certificates
from engagement.contract.network import refuses_client

WANTS_CERTIFICATE = (
    "The CRM ended the TLS handshake: it likely demands a client certificate, which only the push job has. Nothing "
    "behind the handshake was checked"
)
PROXY_WANTS_LOGIN = (
    "The proxy demands a user name and a password (407), which only the push job has. Nothing behind the proxy was "
    "checked"
)
PROXY_UNAUTHORIZED = 407

_TUNNEL_STATUS = re.compile(r"Tunnel connection failed: (\d{3})")


def missing_credential(error: RequestException, way: CrmNetwork, url: str, timeout: tuple[float, float]) -> str | None:
    """Return a sentence if a request failed only for want of what is in the secret, else None.

    :param timeout: seconds to wait for a connection, and for the first byte of the response
    """
    causes = _causes(error)
    if _tunnel_status(causes) == PROXY_UNAUTHORIZED:
        return PROXY_WANTS_LOGIN
    if isinstance(error, ProxyError):
        return None
    if any(map(refuses_client, causes)):
        return WANTS_CERTIFICATE
    # The alert is lost if the server closes the connection while the request arrives.
    was_closed = any(isinstance(cause, ConnectionError | ssl.SSLEOFError) for cause in causes)
    is_https = url.startswith("https:")
    return WANTS_CERTIFICATE if was_closed and is_https and refuses_clients(way, url, timeout[0]) else None


def describe_failure(error: RequestException, way: CrmNetwork, url: str, timeout: tuple[float, float]) -> str:
    """Return a clause about a request without a response, and what to do about it.

    :param timeout: seconds to wait for a connection, and for the first byte of the response
    """
    causes = _causes(error)
    if isinstance(error, ProxyError):
        return describe_proxy_failure(causes, way.proxy_for(url) or "", url, timeout[0])
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return describe_problem(cause, lambda: sent_certificates(way, url, timeout[0]), way.tls_context())
    if isinstance(error, SSLError):
        return f"no TLS connection ({causes[-1]}); check that base_url names a port with TLS"
    if isinstance(error, ConnectTimeout):
        return f"no connection within {timeout[0]:g} s; check firewall, security group and NAT"
    if isinstance(error, ReadTimeout) and way.proxy_for(url):
        return f"no response through the proxy within {timeout[1]:g} s"
    if isinstance(error, ReadTimeout):
        return f"no response within {timeout[1]:g} s of connecting"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "the host name cannot be resolved; check base_url and DNS"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "connection refused; nothing listens there"
    return f"no response ({causes[-1]})"


def describe_proxy_failure(causes: list[BaseException], proxy: str, url: str, seconds: float) -> str:
    """Return a clause about a proxy that could not be used, and what to do about it."""
    if status := _tunnel_status(causes):
        return (
            f"the proxy {proxy} refuses to connect to {urlsplit(url).netloc}: HTTP {status}; have its owner allow this "
            "host, or correct egress_url and direct_hosts"
        )
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return f"the host name of the proxy {proxy} cannot be resolved; check egress_url and DNS"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return f"no TLS connection to the proxy {proxy} ({causes[-1]}); check egress_url and ca_uri"
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return f"no connection to the proxy {proxy} within {seconds:g} s; check egress_url and the security group"
    return f"no connection to the proxy {proxy} ({causes[-1]}); check egress_url"


def _tunnel_status(causes: list[BaseException]) -> int | None:
    matches = (_TUNNEL_STATUS.search(str(cause)) for cause in causes)
    return next((int(match[1]) for match in matches if match), None)


def _causes(error: BaseException) -> list[BaseException]:
    """Return the error and its causes, the first cause last."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = _next_cause(current)
    return chain


def _next_cause(error: BaseException) -> BaseException | None:
    """Return the cause of an error. urllib3 keeps it in ``reason`` or ``original_error``, requests in the arguments."""
    for name in ("original_error", "reason"):
        if isinstance(cause := getattr(error, name, None), BaseException):
            return cause
    if error.__cause__ is not None:
        return error.__cause__
    nested = [argument for argument in error.args if isinstance(argument, BaseException)]
    return nested[0] if nested else error.__context__
