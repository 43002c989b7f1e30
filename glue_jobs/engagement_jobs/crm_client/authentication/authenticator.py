"""The state that follows from the secret: request headers, OAuth token, and the sessions with their certificate."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import aiohttp

from engagement_jobs.crm_client.authentication.client_certificate import load_client_certificate
from engagement_jobs.crm_client.authentication.secret import ClientCertificate, CrmSecret, ProxyUser
from engagement_jobs.crm_client.authentication.secret_parser import parse_secret
from engagement_jobs.crm_client.authentication.token_endpoint import Token, fetch_token
from engagement_jobs.crm_client.transport.network import Network
from engagement_jobs.crm_client.transport.sessions import SessionFactory

# A token is renewed within this part of its lifetime, at random: tasks that start together do not ask together.
_EARLIEST_RENEWAL, _LATEST_RENEWAL = 0.5, 0.8


@dataclass(frozen=True)
class Renewal:
    """When a token has to be replaced, in seconds of the event loop's clock.

    :param due: when a new token is fetched, while this one is still good
    :param expires_at: when this one is good no longer
    """

    due: float
    expires_at: float


class Authenticator:
    """Reads the secret and fetches tokens. Everything is for one task and one CRM.

    :param url: of the CRM
    :param read_secret: returns the text of the secret
    """

    def __init__(
        self, url: str, read_secret: Callable[[], Awaitable[str]], timeout_seconds: float, network: Network
    ) -> None:
        self.version = 0
        """Incremented whenever headers or sessions change."""
        self.headers: Mapping[str, str] = {}
        """What authenticates a request to the CRM."""
        self.renewal: Renewal | None = None
        """None if there is no token that expires."""
        self.factory: SessionFactory
        """Creates the sessions for the CRM, and others that have the same certificate and proxy."""
        self.session: aiohttp.ClientSession
        self.fresh_session: aiohttp.ClientSession
        """Opens a connection for each request."""
        self._url, self._read_secret, self._timeout, self._network = url, read_secret, timeout_seconds, network
        self._secret: CrmSecret | None = None
        self._token: Token | None = None
        self._sessions: list[aiohttp.ClientSession] = []
        self._fetching = asyncio.Lock()

    async def start(self) -> None:
        """Read the secret, open the sessions and fetch the first token; what succeeded earlier is not repeated.

        For errors see `refresh`.
        """
        await self.refresh(read_secret=False)
        self.version = 0

    async def refresh(self, *, read_secret: bool) -> bool:
        """Fetch a new token if the secret is for OAuth.

        :param read_secret: read the secret again before; the first time it is always read
        :raises SecretError: the secret has another form
        :raises TokenError: the token endpoint refuses the client, or its answer is no token
        :raises TokenUnavailableError: the token endpoint does not answer
        :raises Exception: whatever `read_secret` raises
        :return: whether anything has changed
        """
        version = self.version
        if read_secret or self._secret is None:
            await self._use(parse_secret(await self._read_secret(), allow_http=self._network.allow_http))
        await self._fetch()
        return self.version > version

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions:
            await session.close()

    async def _use(self, secret: CrmSecret) -> None:
        """Use a secret from now on. Requests in flight end with the sessions that they began with."""
        last = self._secret
        if secret == last:
            return
        if last is None or _connections_of(last) != _connections_of(secret):
            self.factory = await self._new_factory(secret)
            self.session = self.factory.create(self._url, reuses_connections=True)
            self.fresh_session = self.factory.create(self._url, reuses_connections=False)
            self._sessions += [self.session, self.fresh_session]
        if secret.oauth is None:
            self.headers, self.renewal, self._token = dict(secret.headers), None, None
        self._secret = secret
        self.version += 1

    async def _fetch(self) -> None:
        """Fetch a token, unless another call has done so in the meantime."""
        before = self._token
        async with self._fetching:
            secret = self._secret
            if secret is None or secret.oauth is None or self._token is not before:
                return
            async with self.factory.create(secret.oauth.token_url, reuses_connections=False) as session:
                token = await fetch_token(session, secret.oauth)
            if before is None or token.value != before.value:
                self.headers = {"Authorization": f"Bearer {token.value}"}
                self.version += 1
            self._token, self.renewal = token, _renewal(token)

    async def _new_factory(self, secret: CrmSecret) -> SessionFactory:
        certificate, user = _connections_of(secret)
        context = await asyncio.to_thread(self._tls_context, certificate)
        proxy_auth = aiohttp.BasicAuth(user.name, user.password, "utf-8") if user is not None else None
        return SessionFactory(self._network, context, self._timeout, proxy_auth)

    def _tls_context(self, certificate: ClientCertificate | None) -> ssl.SSLContext:
        context = self._network.tls_context()
        if certificate is not None:
            load_client_certificate(context, certificate)
        return context


def _connections_of(secret: CrmSecret) -> tuple[ClientCertificate | None, ProxyUser | None]:
    """Return the part of a secret that a session cannot change."""
    return secret.certificate, secret.proxy_user


def _renewal(token: Token) -> Renewal | None:
    if token.lifetime is None:
        return None
    part = random.uniform(_EARLIEST_RENEWAL, _LATEST_RENEWAL)  # noqa: S311 - not for cryptography
    return Renewal(token.requested_at + part * token.lifetime, token.requested_at + token.lifetime)
