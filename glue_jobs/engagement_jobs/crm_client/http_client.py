"""HTTP client of the CRM, based on aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import aiohttp
from multidict import CIMultiDict

from engagement_jobs.contract.errors import AmbiguousError
from engagement_jobs.crm_client.authentication.authenticator import Authenticator, Renewal
from engagement_jobs.crm_client.document.request_template import CrmRequest, RequestTemplate
from engagement_jobs.crm_client.error_translation import ERRORS, translate
from engagement_jobs.crm_client.response_bodies import read_body
from engagement_jobs.crm_client.transport.network import Network
from engagement_jobs.crm_client.transport.sessions import USER_AGENT

# Includes every header that aiohttp would add by default, because aiohttp checks each request for the missing ones.
# A CRM document can replace the first three.
_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": USER_AGENT,
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # response bodies are a few bytes: compression would only cost CPU on both sides
}
_MAX_ERROR_BODY_SECONDS = 0.5
_NO_PROXY = Network()


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
    """The client interface that the delivery uses."""

    @property
    def token_version(self) -> int:
        """Incremented when the credential changes."""

    @property
    def renewal(self) -> Renewal | None:
        """When the token has to be renewed, None if it does not expire."""

    async def send(self, request: CrmRequest, *, fresh_connection: bool = False) -> CrmResponse:
        """Send one score.

        :param fresh_connection: do not send on a connection that has carried another request
        :raises ReusedConnectionError: a connection that had carried another request was closed before a status arrived
        :raises UnsentError: the CRM certainly did not receive the request
        :raises AmbiguousError: the CRM may have applied the request
        """

    async def refresh_token(self, *, read_secret: bool = True) -> bool:
        """Fetch a new token if the secret is for OAuth.

        :param read_secret: read the secret again before
        :raises SecretError: the secret has another form
        :raises TokenError: the token endpoint refuses the client, or its answer is no token
        :raises TokenUnavailableError: the token endpoint does not answer
        :return: whether the credential has changed
        """

    def stop_reusing_connections(self) -> None:
        """Open a connection for each further request, because the CRM closes idle connections without notice."""


class CrmHttpClient:
    """Client that keeps its connections open. Use it as an async context manager.

    :param template: method and headers of all requests
    :param read_secret: returns the text of the CRM secret
    :param timeout_seconds: limit for one request, of which connecting may take at most half
    :param network: proxy and trusted certificates, for the token endpoint too
    """

    def __init__(
        self,
        template: RequestTemplate,
        read_secret: Callable[[], Awaitable[str]],
        timeout_seconds: float,
        network: Network = _NO_PROXY,
    ) -> None:
        self._reuses_connections = True
        self.template = template
        self._authenticator = Authenticator(template.endpoint, read_secret, timeout_seconds, network)

    @property
    def token_version(self) -> int:
        """Incremented when the credential changes; see `CrmClient`."""
        return self._authenticator.version

    @property
    def renewal(self) -> Renewal | None:
        """When the token has to be renewed; see `CrmClient`."""
        return self._authenticator.renewal

    async def read_token(self) -> None:
        """Read the secret, open the sessions and fetch the first token. Nothing can be sent before.

        :raises Exception: see `CrmClient.refresh_token`, and whatever `read_secret` raises
        """
        await self._authenticator.start()
        self._update_headers()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._authenticator.close()

    def stop_reusing_connections(self) -> None:
        """Open a connection for each further request; see `CrmClient`."""
        self._reuses_connections = False

    async def refresh_token(self, *, read_secret: bool = True) -> bool:
        """Fetch a new token, or read the secret again; see `CrmClient`.

        :raises Exception: see `CrmClient`, and whatever `read_secret` raises
        """
        try:
            return await self._authenticator.refresh(read_secret=read_secret)
        finally:
            self._update_headers()  # also if the secret has changed, and its token could not be fetched

    def _update_headers(self) -> None:
        self._headers = CIMultiDict(_HEADERS)
        self._headers.update(self.template.document.headers)
        self._headers.update(self._authenticator.headers)

    async def send(self, request: CrmRequest, *, fresh_connection: bool = False) -> CrmResponse:
        """Send one request, at most once. Redirects are returned, not followed.

        :param fresh_connection: open a connection that carries only this request
        :raises ReusedConnectionError: a connection that had carried another request was closed before a status arrived
        :raises UnsentError: the CRM certainly did not receive the request
        :raises AmbiguousError: the CRM may have applied the request
        """
        version = self._authenticator.version
        headers = self._headers.copy()
        if (header := self.template.document.idempotency_header) is not None:
            headers[header.name] = f'"{request.key}"' if header.quoted else request.key
        sessions = self._authenticator
        session = sessions.session if self._reuses_connections and not fresh_connection else sessions.fresh_session
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
