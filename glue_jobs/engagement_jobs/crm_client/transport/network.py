"""The network settings of one push, which are the same for the CRM and the token endpoint."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from engagement_jobs.contract import network


@dataclass(frozen=True)
class Network:
    """Which way requests take, and whose certificates are trusted. Spark sends it to the push tasks.

    :param proxy_url: URL of the proxy without user name and password; empty if there is none
    :param no_proxy: hosts to connect to directly, see `contract.network.choose_proxy`
    :param ca_pem: certificates that are trusted in addition to the system's, None if there are none
    :param allow_http: whether the token endpoint may be reached without TLS
    """

    proxy_url: str = ""
    no_proxy: str = ""
    ca_pem: str | None = field(default=None, repr=False)
    allow_http: bool = False

    def proxy_for(self, url: str) -> str | None:
        """Return the URL of the proxy for a request, None if it goes directly to its host."""
        return network.choose_proxy(url, self.proxy_url, self.no_proxy)

    def tls_context(self) -> ssl.SSLContext:
        """Return a new context of TLS connections.

        :raises ValueError: `ca_pem` contains no certificate, or a damaged one
        """
        return network.tls_context(self.ca_pem)
