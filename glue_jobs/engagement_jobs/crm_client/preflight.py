"""Check everything that a push needs before its first request, without sending the CRM anything."""

from __future__ import annotations

import asyncio
import itertools
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
from yarl import URL

from engagement_jobs.contract.errors import (
    AmbiguousError,
    CrmUnreachableError,
    TokenError,
    TokenUnavailableError,
    UnsentError,
)
from engagement_jobs.crm_client.authentication.authenticator import Authenticator
from engagement_jobs.crm_client.authentication.token_endpoint import MAX_GARBAGE
from engagement_jobs.crm_client.response_rules import LASTING_FAILURES
from engagement_jobs.crm_client.transport.connect_only import ConnectOnlyRequest, connect
from engagement_jobs.crm_client.transport.network import Network
from engagement_jobs.crm_client.transport.sessions import SessionFactory

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds between two tries
_NOT_IN_TIME: Final = "no connection to {place} in time; check base_url, the firewall, the security group and NAT"
_PROBLEMS: Final = {
    "connect": "{place} refused the connection, or it could not be made; check base_url, the firewall and the "
    "security group",
    "connect_timeout": _NOT_IN_TIME,
    "timeout": _NOT_IN_TIME,  # with a short timeout, the wait for an alert counts too
    "dns": "the host name of {place} cannot be resolved; check base_url and DNS",
    "malformed": "{place} does not speak HTTP; check base_url and its port",
    "proxy": "the proxy {proxy} cannot be reached, or its answer is not valid; check its address and the security "
    "group",
    "proxy_auth": "the proxy {proxy} demands a user name and a password, or refuses those in the secret; put a valid "
    "proxy_user and proxy_password into the secret",
    "reset": "{place} closed the connection before anything was sent; it likely demands a client certificate, or "
    "refuses the one in the secret",
    "tls": "the TLS handshake with {place} failed ({cause}); check that base_url names a port with TLS",
    "tls_client_certificate": "{place} ended the TLS handshake ({cause}); it likely demands a client certificate, or "
    "refuses the one in the secret",
    "tls_expired": "the certificate of {place} has expired or is not valid yet; have the owner of the CRM renew it",
    "tls_missing_intermediate": "{place} likely does not send the intermediate certificate; have the owner of the CRM "
    "install the full chain",
    "tls_unknown_ca": "the certificate of {place} is self-signed or from an authority that this job does not know; "
    "check base_url, or store the authority's certificate where ca_uri names it",
    "tls_wrong_name": "the certificate of {place} is for another host name; correct base_url, or have the owner of the "
    "CRM add the name",
}
_REFUSED_TUNNEL: Final = (
    "the proxy {proxy} refuses to connect to {place} (HTTP {status}); have its owner allow this host, or list it as "
    "reached without the proxy"
)

log = logging.getLogger("engagement.preflight")


async def check_access(
    url: str,
    read_secret: Callable[[], Awaitable[str]],
    network: Network,
    request_timeout_seconds: float,
    *,
    patience_seconds: float,
) -> None:
    """Read the secret, fetch a token, and open a connection to the CRM in the way of a push task.

    :param url: of the CRM
    :param read_secret: returns the text of the secret
    :param patience_seconds: how long failures that time may heal are repeated; 0 for one try
    :raises SecretError: the secret has another form
    :raises TokenError: the token endpoint refuses the client, or its answer is no token
    :raises TokenUnavailableError: the token endpoint does not answer
    :raises CrmUnreachableError: no connection to the CRM
    :raises Exception: whatever `read_secret` raises
    """
    give_up_at = time.monotonic() + patience_seconds
    authenticator = Authenticator(url, read_secret, request_timeout_seconds, network)
    try:
        await _repeat(authenticator.start, give_up_at)
        await _repeat(lambda: _connect(url, authenticator.factory), give_up_at)
    finally:
        await authenticator.close()


async def _repeat(step: Callable[[], Awaitable[None]], give_up_at: float) -> None:
    for tries in itertools.count(1):
        try:
            return await step()
        except (TokenError, TokenUnavailableError, CrmUnreachableError) as error:
            pause = min(_FIRST_PAUSE * 2 ** (tries - 1), _LONGEST_PAUSE)
            wait = max(pause, getattr(error, "wait", None) or 0.0)
            if not _may_heal(error, tries) or time.monotonic() + wait > give_up_at:
                raise
            log.warning("Checking the access to the CRM: %s. Next try in %.0f s", error, wait)
        await asyncio.sleep(wait)
    return None


def _may_heal(error: TokenError | TokenUnavailableError | CrmUnreachableError, tries: int) -> bool:
    if isinstance(error, TokenError):
        return error.is_garbage and tries < MAX_GARBAGE
    return not isinstance(error, CrmUnreachableError) or error.is_temporary


async def _connect(url: str, factory: SessionFactory) -> None:
    """Open a connection.

    :raises CrmUnreachableError: there is none
    """
    try:
        async with factory.create(url, reuses_connections=False, request_class=ConnectOnlyRequest) as session:
            await connect(session, url)
    except (UnsentError, AmbiguousError) as error:
        raise _unreachable(URL(url), factory.network.proxy_for(url), error) from error


def _unreachable(url: URL, proxy: str | None, error: UnsentError | AmbiguousError) -> CrmUnreachableError:
    reason, cause = str(error), error.__cause__
    status = cause.status if isinstance(cause, aiohttp.ClientHttpProxyError) else 0
    problem = _REFUSED_TUNNEL if reason == "proxy" and status else _PROBLEMS[reason]
    is_temporary = reason not in LASTING_FAILURES and not 400 <= status < 500
    place = f"{url.host}:{url.port}"
    text = problem.format(place=place, proxy=proxy, status=status, cause=_tls_cause(cause))
    return CrmUnreachableError(text, is_temporary=is_temporary)


def _tls_cause(error: BaseException | None) -> str:
    """Return OpenSSL's name of the problem, or the class of the error."""
    cause = error.__cause__ if error is not None else None
    return cause.reason if isinstance(cause, ssl.SSLError) and cause.reason else type(error).__name__
