"""One POST over HTTP: pooled connections, the token, and errors sorted by whether the CRM can have read the request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import aiohttp
from yarl import URL

_USER_AGENT = "customer-engagement-scoring/1"
# All that aiohttp would put in by itself is here, which saves it looking for what is missing, once for every request.
_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": _USER_AGENT,
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # answers are a few bytes: compressing them would only cost both sides
}
_MOST_BODY = 65_536
_CONNECT_SECONDS = 10.0


class UnsentError(Exception):
    """The request surely did not reach the CRM; the text is the reason's machine word."""


class AmbiguousError(Exception):
    """The request may have been read, and applied; the text is the reason's machine word."""


@dataclass(slots=True)
class Answer:
    """What came back. `token_version` is that of the token which the request carried."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    token_version: int


class Transport(Protocol):
    """What the delivery needs of HTTP."""

    token_version: int

    async def post(self, payload: bytes, key: str) -> Answer:
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
            raise ValueError(
                'the CRM secret is neither a bare token nor {"token": "...", "header": "...", "scheme": "..."} '
                "of printable text"
            )
        return cls(**known)

    def value(self) -> str:
        """The header's value."""
        return f"{self.scheme} {self.token}" if self.scheme else self.token


class HttpTransport:
    """Posts to one endpoint through one pool of connections. Use as an async context manager."""

    def __init__(self, endpoint: str, read_secret: Callable[[], Awaitable[str]], timeout_seconds: float) -> None:
        self.token_version = 0
        self._url = URL(endpoint)
        self._read_secret = read_secret
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_seconds, sock_connect=min(_CONNECT_SECONDS, timeout_seconds)
        )
        self._credential: Credential | None = None

    async def read_token(self) -> None:
        """Read the token for the first time; raises what the secret's reader raises, ValueError if it is no token."""
        self._credential = Credential.from_secret(await self._read_secret())

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # The delivery bounds how many requests are under way; the pool only keeps connections.
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            headers=_HEADERS,
        )
        self._present()
        return self

    def _present(self) -> None:
        """Let every request from now on carry the token."""
        if self._credential is not None:
            self._session.headers[self._credential.header] = self._credential.value()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def refresh(self) -> bool:
        """Read the secret again; tell whether the token is another one."""
        fresh = Credential.from_secret(await self._read_secret())
        if fresh == self._credential:
            return False
        if self._credential is not None:
            self._session.headers.pop(self._credential.header, None)
        self._credential = fresh
        self._present()
        self.token_version += 1
        return True

    async def post(self, payload: bytes, key: str) -> Answer:
        """Send one record; redirects are answers, not followed."""
        version = self.token_version
        try:
            response = await self._session.post(
                self._url, data=aiohttp.BytesPayload(payload), headers={"Idempotency-Key": key}, allow_redirects=False
            )
            try:
                # Read to its end, an answer gives its connection back by itself.
                body = await (response.read() if _is_short(response) else _start_of_body(response))
            except BaseException:
                response.close()
                raise
        except aiohttp.ClientConnectorDNSError as error:
            raise UnsentError("dns") from error
        except (aiohttp.ClientConnectorSSLError, aiohttp.ClientConnectorCertificateError) as error:
            raise UnsentError("tls") from error
        except aiohttp.ClientConnectorError as error:
            raise UnsentError("connect") from error
        except aiohttp.ConnectionTimeoutError as error:
            raise UnsentError("connect_timeout") from error
        except TimeoutError as error:
            raise AmbiguousError("timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            raise AmbiguousError("reset") from error
        return Answer(response.status, response.headers, body, version)


def _is_short(response: aiohttp.ClientResponse) -> bool:
    length = response.content_length
    # A compressed body, which nobody asked for, may be of any length.
    return length is not None and length <= _MOST_BODY and "Content-Encoding" not in response.headers


async def _start_of_body(response: aiohttp.ClientResponse) -> bytes:
    """As much of the body as may matter; the connection is given up when more follows."""
    parts, size = [], 0
    async for part in response.content.iter_chunked(_MOST_BODY):
        parts.append(part)
        size += len(part)
        if size >= _MOST_BODY:
            response.close()
            break
    return b"".join(parts)
