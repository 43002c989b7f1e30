"""The sessions of aiohttp through which all requests go: connection pool, way and TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

import aiohttp

from engagement_jobs.crm_client.connections import Connector, Request, send_once
from engagement_jobs.crm_client.transport.network import Network

USER_AGENT = "customer-engagement-scoring/1"
_MAX_CONNECT_SECONDS = 10.0
# Load balancers usually close connections after 60 s of idle time. A request sent at that moment is ambiguous.
_KEEPALIVE_SECONDS = 30.0
_DNS_CACHE_SECONDS = 60
_MAX_LINE_BYTES = 65_536


@dataclass(frozen=True)
class SessionFactory:
    """Creates sessions that differ only in their target and in the reuse of connections.

    :param context: of every TLS connection
    :param timeout_seconds: limit for one request, of which connecting may take at most half
    :param proxy_auth: user and password for the proxy
    """

    network: Network
    context: ssl.SSLContext
    timeout_seconds: float
    proxy_auth: aiohttp.BasicAuth | None = field(default=None, repr=False)

    def create(
        self, url: str, *, reuses_connections: bool, request_class: type[aiohttp.ClientRequest] = Request
    ) -> aiohttp.ClientSession:
        """Create a session for requests to the host of a URL. Needs a running event loop."""
        proxy = self.network.proxy_for(url)
        return aiohttp.ClientSession(
            connector=Connector(
                limit=0,  # the delivery limits the number of requests in flight
                force_close=not reuses_connections,
                keepalive_timeout=_KEEPALIVE_SECONDS if reuses_connections else None,
                ttl_dns_cache=_DNS_CACHE_SECONDS,
                ssl=self.context,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),  # a cookie set for one user must not be sent for the next one
            trust_env=False,
            proxy=proxy,
            proxy_auth=self.proxy_auth if proxy is not None else None,
            auto_decompress=False,
            timeout=self._timeout(),
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_LINE_BYTES,
            request_class=request_class,
            middlewares=(send_once,),
        )

    def _timeout(self) -> aiohttp.ClientTimeout:
        # A timeout while connecting means "not sent", so it must expire before the timeout of the request.
        return aiohttp.ClientTimeout(
            total=self.timeout_seconds, connect=min(_MAX_CONNECT_SECONDS, self.timeout_seconds / 2)
        )
