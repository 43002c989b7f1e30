"""One POST over HTTP: the request as it is written, and the token that it carries."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from yarl import URL

from engagement_jobs.connections import Connections

_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": "customer-engagement-scoring/1",
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # answers are a few bytes: compressing them would only cost both sides
}


@dataclass(slots=True)
class Answer:
    """What came back, with names of headers in lower case. `token_version` is of the token that the request carried."""

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
    """Posts to one endpoint, whose connections it keeps. Use as an async context manager."""

    def __init__(self, endpoint: str, read_secret: Callable[[], Awaitable[str]], timeout_seconds: float) -> None:
        self.token_version = 0
        self._url = URL(endpoint)
        self._read_secret = read_secret
        self._timeout = timeout_seconds
        self._credential: Credential | None = None

    async def read_token(self) -> None:
        """Read the token for the first time; raises what the secret's reader raises, ValueError if it is no token."""
        self._credential = Credential.from_secret(await self._read_secret())

    async def __aenter__(self) -> Self:
        self._connections = Connections(self._url, self._timeout)
        self._present()
        return self

    def _present(self) -> None:
        """Let every request from now on carry the token."""
        headers = {"Host": self._url.host_port_subcomponent, **_HEADERS}
        if self._credential is not None:
            headers[self._credential.header] = self._credential.value()
        lines = [f"POST {self._url.raw_path_qs} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        self._head = "\r\n".join(lines).encode()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connections.close()

    async def refresh(self) -> bool:
        """Read the secret again; tell whether the token is another one."""
        fresh = Credential.from_secret(await self._read_secret())
        if fresh == self._credential:
            return False
        self._credential = fresh
        self._present()
        self.token_version += 1
        return True

    async def post(self, payload: bytes, key: str) -> Answer:
        """Send one record; redirects are answers, not followed. Raises UnsentError or AmbiguousError."""
        version = self.token_version
        answer = await self._connections.exchange(
            b"%b\r\nIdempotency-Key: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (self._head, key.encode(), len(payload), payload)
        )
        return Answer(answer.status, answer.headers, answer.body, version)
