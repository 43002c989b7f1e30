"""Requests to one endpoint of the CRM over aiohttp, and the token that they carry."""

from __future__ import annotations

import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from engagement_jobs.contract.errors import SecretError, StaleConnectionError
from engagement_jobs.crm_client.error_translation import ERRORS, translate
from engagement_jobs.crm_client.response_bodies import read_body

# All that aiohttp would add by itself is here: it looks for what is missing in each request.
_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": "customer-engagement-scoring/1",
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # answers are a few bytes: compressing them would only cost both sides
}
_MAX_CONNECT_SECONDS = 10.0
# Load balancers close connections that were idle for a minute, and a request that meets such an end is ambiguous.
_IDLE_SECONDS = 30.0
_ADDRESSES_SECONDS = 60
_MAX_LINE = 65_536


@dataclass(slots=True)
class CrmResponse:
    """What the CRM answered.

    :param headers: found by names in lower case
    :param body: None when it cannot be read: too long, damaged, or encoded in a way that we cannot undo
    :param token_version: of the token that the request carried
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | None
    token_version: int


class CrmClient(Protocol):
    """What the delivery needs of HTTP."""

    token_version: int

    async def post(self, payload: bytes, key: str) -> CrmResponse:
        """Send one record; raise UnsentError or AmbiguousError when no answer came."""

    async def refresh(self) -> bool:
        """Read the token again; tell whether it is another one."""


@dataclass(frozen=True, repr=False)
class Credential:
    """The token and how to present it; never shown by repr."""

    token: str
    header: str = "Authorization"
    scheme: str = "Bearer"

    @classmethod
    def from_secret(cls, text: str) -> Self:
        """Read a secret: the bare token, or JSON `{"token", "header"?, "scheme"?}` for a CRM with its own header."""
        given = json.loads(text) if text.lstrip().startswith("{") else {"token": text.strip()}
        known = {name: given[name] for name in ("token", "header", "scheme") if name in given}
        # The message names no value: it may reach a log.
        if not known.get("token") or not all(isinstance(part, str) and part.isprintable() for part in known.values()):
            raise SecretError(
                'the CRM secret is neither a bare token nor {"token": "...", "header": "...", "scheme": "..."} '
                "of printable text"
            )
        return cls(**known)

    def value(self) -> str:
        """The header's value."""
        return f"{self.scheme} {self.token}" if self.scheme else self.token


class CrmHttpClient:
    """Sends to one endpoint, whose connections it keeps. Use as an async context manager.

    :param timeout_seconds: the limit of one request, connecting included, which may take half of it
    """

    def __init__(self, endpoint: str, read_secret: Callable[[], Awaitable[str]], timeout_seconds: float) -> None:
        self.token_version = 0
        self._url = URL(endpoint)
        self._read_secret = read_secret
        # A time-out while connecting is certainly not sent, so the request must have time left after it.
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_seconds, connect=min(_MAX_CONNECT_SECONDS, timeout_seconds / 2)
        )
        self._credential: Credential | None = None

    async def read_token(self) -> None:
        """Read the token for the first time; raises what the secret's reader raises, ValueError if it is no token."""
        self._credential = Credential.from_secret(await self._read_secret())

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # the delivery limits its requests
                keepalive_timeout=_IDLE_SECONDS,
                ttl_dns_cache=_ADDRESSES_SECONDS,
                ssl=ssl.create_default_context() if self._url.scheme == "https" else True,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),  # a cookie of one user must not go out with the next one
            trust_env=False,
            auto_decompress=False,
            timeout=self._timeout,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            request_class=_Request,
            middlewares=(_send_once,),
        )
        self._set_headers()
        return self

    def _set_headers(self) -> None:
        """Let each request from now on carry the token."""
        self._headers = CIMultiDict(_HEADERS)
        if self._credential is not None:
            self._headers[self._credential.header] = self._credential.value()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def refresh(self) -> bool:
        """Read the secret again; tell whether the token is another one."""
        fresh = Credential.from_secret(await self._read_secret())
        if fresh == self._credential:
            return False
        self._credential = fresh
        self._set_headers()
        self.token_version += 1
        return True

    async def post(self, payload: bytes, key: str) -> CrmResponse:
        """Send one record. Raises UnsentError or AmbiguousError."""
        return await self.request("POST", payload, key)

    async def request(self, method: str, payload: bytes, key: str) -> CrmResponse:
        """Send one request, at most once; redirects are answers, not followed.

        :raises UnsentError: the request certainly did not leave
        :raises AmbiguousError: the request may have been applied
        """
        version = self.token_version
        headers = self._headers.copy()
        headers["Idempotency-Key"] = key
        try:
            async with self._session.request(
                method, self._url, data=payload, headers=headers, allow_redirects=False
            ) as response:
                try:
                    body = await read_body(response)
                except ERRORS:
                    if 200 <= response.status < 300:
                        raise
                    body = None  # status and headers are complete, and say enough
                return CrmResponse(response.status, response.headers, body, version)
        except ERRORS as error:
            raise translate(error) from error


class _Request(aiohttp.ClientRequest):
    """A request that is not written to a connection on which something has already arrived: it cannot be the answer."""

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        """Write the request. Raises StaleConnectionError instead when the connection has received anything."""
        if conn.protocol is None or conn.protocol.should_close:
            raise StaleConnectionError
        return await super().send(conn)


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Raise our errors in place of aiohttp's, so that it never repeats a request by itself, as it does with a PUT."""
    try:
        try:
            return await handler(request)
        except StaleConnectionError:
            return await handler(request)  # nothing was written; aiohttp has closed that connection
    except ERRORS as error:
        raise translate(error) from error
