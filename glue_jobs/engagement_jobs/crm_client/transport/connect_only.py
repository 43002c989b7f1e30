"""Open a connection as a request does, through the proxy and with the TLS handshake, and send nothing over it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import NoReturn

import aiohttp
from yarl import URL

# With TLS 1.3 the server checks the client's certificate after the client's handshake has ended.
_ALERT_SECONDS = 0.5


class _ConnectedError(Exception):
    """The connection is open. aiohttp closes it because of this error."""


class ConnectOnlyRequest(aiohttp.ClientRequest):
    """A request that ends when its connection is open. A session of `connect` has it as its `request_class`."""

    async def send(self, conn: aiohttp.connector.Connection) -> NoReturn:
        """End the request.

        :raises ClientError: the server has closed the connection; likely it demands a client certificate
        """
        protocol = conn.protocol
        if protocol is None or protocol.transport is None:
            raise aiohttp.ServerDisconnectedError
        tls: ssl.SSLObject | None = protocol.transport.get_extra_info("ssl_object")
        if tls is not None and tls.version() == "TLSv1.3" and protocol.closed is not None:
            await asyncio.wait([protocol.closed], timeout=_ALERT_SECONDS)
            if protocol.closed.done():
                raise protocol.closed.exception() or aiohttp.ServerDisconnectedError()
        protocol.transport.abort()  # a TLS connection that is closed in order outlives the session
        raise _ConnectedError


async def connect(
    session: aiohttp.ClientSession,
    url: str | URL,
    proxy: URL | None = None,
    proxy_auth: aiohttp.BasicAuth | None = None,
) -> None:
    """Open a connection to the host of a URL and close it.

    :param session: its `request_class` is `ConnectOnlyRequest`
    :param proxy: None for the session's
    :raises Exception: what a request of the session would raise
    """
    with contextlib.suppress(_ConnectedError):
        await session.post(url, proxy=proxy, proxy_auth=proxy_auth)
