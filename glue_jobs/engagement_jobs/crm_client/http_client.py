"""HTTP client of the CRM, based on aiohttp."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import aiohttp
from multidict import CIMultiDict

from engagement_jobs.contract.errors import AmbiguousError
from engagement_jobs.crm_client.authentication import Credential
from engagement_jobs.crm_client.connections import Connector, Request, send_once
from engagement_jobs.crm_client.document.request_template import CrmRequest, RequestTemplate
from engagement_jobs.crm_client.error_translation import ERRORS, translate
from engagement_jobs.crm_client.response_bodies import read_body

# Includes every header that aiohttp would add by default, because aiohttp checks each request for the missing ones.
# A CRM document can replace the first three.
_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": "customer-engagement-scoring/1",
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # response bodies are a few bytes: compression would only cost CPU on both sides
}
_MAX_CONNECT_SECONDS = 10.0
# Load balancers usually close connections after 60 s of idle time. A request sent at that moment is ambiguous.
_KEEPALIVE_SECONDS = 30.0
_DNS_CACHE_SECONDS = 60
_MAX_LINE_BYTES = 65_536
_MAX_ERROR_BODY_SECONDS = 0.5


@dataclass(slots=True)
class CrmResponse:
    """One HTTP response of the CRM.

    :param headers: lookup is case-insensitive
    :param body: None if it cannot be read: too long, damaged, in an unsupported encoding, or missing when the
        connection was closed
    :param token_version: version of the token that the request carried
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | None
    token_version: int


class CrmClient(Protocol):
    """The client interface that the delivery uses.

    :param token_version: incremented when `refresh_token` finds a new token
    """

    token_version: int

    async def send(self, request: CrmRequest, *, fresh_connection: bool = False) -> CrmResponse:
        """Send one score.

        :param fresh_connection: do not send on a connection that has carried another request
        :raises ReusedConnectionError: a connection that had carried another request was closed before a status arrived
        :raises UnsentError: the CRM certainly did not receive the request
        :raises AmbiguousError: the CRM may have applied the request
        """

    async def refresh_token(self) -> bool:
        """Read the secret again.

        :return: whether the token has changed
        """

    def stop_reusing_connections(self) -> None:
        """Open a connection for each further request, because the CRM closes idle connections without notice."""


class CrmHttpClient:
    """Client that keeps its connections open. Use it as an async context manager.

    :param template: method and headers of all requests
    :param read_secret: returns the text of the CRM secret
    :param timeout_seconds: limit for one request, of which connecting may take at most half
    """

    def __init__(
        self, template: RequestTemplate, read_secret: Callable[[], Awaitable[str]], timeout_seconds: float
    ) -> None:
        self.token_version = 0
        self._reuses_connections = True
        self.template = template
        self._read_secret = read_secret
        # A timeout while connecting means "not sent", so it must expire before the timeout of the request.
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_seconds, connect=min(_MAX_CONNECT_SECONDS, timeout_seconds / 2)
        )
        self._credential: Credential | None = None

    async def read_token(self) -> None:
        """Read the token for the first time.

        :raises SecretError: the secret is not a valid credential
        :raises Exception: whatever `read_secret` raises
        """
        self._credential = Credential.from_secret(await self._read_secret())

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context() if self.template.endpoint.startswith("https:") else True
        self._session = self._new_session(context, reuses_connections=True)
        self._fresh_session = self._new_session(context, reuses_connections=False)
        self._update_headers()
        return self

    def _new_session(self, context: ssl.SSLContext | bool, *, reuses_connections: bool) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=Connector(
                limit=0,  # the delivery limits the number of requests in flight
                force_close=not reuses_connections,
                keepalive_timeout=_KEEPALIVE_SECONDS if reuses_connections else None,
                ttl_dns_cache=_DNS_CACHE_SECONDS,
                ssl=context,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),  # a cookie set for one user must not be sent for the next one
            trust_env=False,
            auto_decompress=False,
            timeout=self._timeout,
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_LINE_BYTES,
            request_class=Request,
            middlewares=(send_once,),
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._fresh_session.close()

    def stop_reusing_connections(self) -> None:
        """Open a connection for each further request; see `CrmClient`."""
        self._reuses_connections = False

    async def refresh_token(self) -> bool:
        """Read the secret again and use its token for all further requests.

        :raises SecretError: the secret is not a valid credential
        :raises Exception: whatever `read_secret` raises
        :return: whether the token has changed
        """
        credential = Credential.from_secret(await self._read_secret())
        if credential == self._credential:
            return False
        self._credential = credential
        self._update_headers()
        self.token_version += 1
        return True

    def _update_headers(self) -> None:
        self._headers = CIMultiDict(_HEADERS)
        self._headers.update(self.template.document.headers)
        if self._credential is not None:
            self._headers[self._credential.header] = self._credential.header_value()

    async def send(self, request: CrmRequest, *, fresh_connection: bool = False) -> CrmResponse:
        """Send one request, at most once. Redirects are returned, not followed.

        :param fresh_connection: open a connection that carries only this request
        :raises ReusedConnectionError: a connection that had carried another request was closed before a status arrived
        :raises UnsentError: the CRM certainly did not receive the request
        :raises AmbiguousError: the CRM may have applied the request
        """
        version = self.token_version
        headers = self._headers.copy()
        if (header := self.template.document.idempotency_header) is not None:
            headers[header.name] = f'"{request.key}"' if header.quoted else request.key
        session = self._session if self._reuses_connections and not fresh_connection else self._fresh_session
        try:
            async with session.request(
                self.template.document.method, request.url, data=request.payload, headers=headers, allow_redirects=False
            ) as response:
                body = await _read_body(response)
                return CrmResponse(response.status, response.headers, body, version)
        except ERRORS as error:
            raise translate(error) from error


async def _read_body(response: aiohttp.ClientResponse) -> bytes | None:
    if 200 <= response.status < 300:
        return await read_body(response)
    # Status and headers are complete, which is enough to classify the response and to observe its wait.
    try:
        async with asyncio.timeout(_MAX_ERROR_BODY_SECONDS):
            return await read_body(response)
    except (AmbiguousError, *ERRORS):
        return None
