"""The check of the access to the CRM before the first request, against real servers and proxies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import trustme

from engagement_jobs.contract.errors import CrmUnreachableError, SecretError, TokenError
from engagement_jobs.crm_client import preflight
from engagement_jobs.crm_client.response_rules import FAILURE_RULES
from engagement_jobs.crm_client.transport.network import Network
from tests.support.blocking_server import blocking_server
from tests.support.raw_http import AUTHORITY, server_context
from tests.support.scripted_proxy import scripted_proxy

BARE = "t"
OURS = AUTHORITY.cert_pem.bytes().decode()
CLIENT = AUTHORITY.issue_cert("job.example")
CERTIFICATE = {
    "token": "t",
    "client_certificate": CLIENT.cert_chain_pems[0].bytes().decode(),
    "client_key": CLIENT.private_key_pem.bytes().decode(),
}
TOKEN = b'{"access_token": "a", "token_type": "Bearer", "expires_in": 60}'


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_FIRST_PAUSE", 0.05)


@dataclass
class Server:
    """A server that counts connections and keeps what it receives.

    :param answers: of the requests, in order; the last one repeats. Without any, requests have no answer
    """

    answers: list[bytes] = field(default_factory=list)
    port: int = 0
    connections: int = 0
    received: list[bytes] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[str]:
        """Serve until the block ends; yield the URL."""
        connections: set[asyncio.Task[None] | None] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.add(asyncio.current_task())
            self.connections += 1
            with contextlib.suppress(OSError, asyncio.CancelledError):
                while data := await reader.read(65_536):
                    self.received.append(data)
                    if self.answers:
                        writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
            writer.transport.abort()

        async with await asyncio.start_server(connected, "127.0.0.1", port, ssl=tls) as server:
            self.port = server.sockets[0].getsockname()[1]
            try:
                yield f"{'https' if tls else 'http'}://localhost:{self.port}"
            finally:
                for task in connections:
                    if task is not None:
                        task.cancel()
                await asyncio.sleep(0)


def response(status: int, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (status, len(body), body)


def check(
    url: str, secret: object = BARE, network: Network | None = None, seconds: float = 0.0
) -> Coroutine[Any, Any, None]:
    async def read() -> str:
        return secret if isinstance(secret, str) else json.dumps(secret)

    return preflight.check_access(
        url, read, network or Network(ca_pem=OURS, allow_http=True), 4.0, patience_seconds=seconds
    )


def oauth(token_url: str) -> dict[str, str]:
    return {"type": "oauth2_client_credentials", "token_url": token_url, "client_id": "c", "client_secret": "hush-7"}


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def mutual(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = server_context()
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.configure_trust(context)
    return context


@pytest.mark.parametrize(
    ("tls", "secret"),
    [
        (None, "t"),
        (server_context(), "t"),
        (mutual(ssl.TLSVersion.TLSv1_2), CERTIFICATE),
        (mutual(ssl.TLSVersion.TLSv1_3), CERTIFICATE),
    ],
    ids=["http", "TLS", "mutual TLS 1.2", "mutual TLS 1.3"],
)
@pytest.mark.parametrize("through_proxy", [False, True])
def test_it_connects_once_and_sends_nothing(tls: ssl.SSLContext | None, secret: object, through_proxy: bool) -> None:
    crm = Server()

    async def main(network: Network) -> None:
        async with crm.serving(tls) as url:
            await check(url, secret, network)

    with scripted_proxy() as proxy:
        asyncio.run(main(Network(proxy.url if through_proxy else "", "", OURS, allow_http=True)))
    # Without TLS the proxy would need a request to know where to connect to.
    assert crm.connections == (0 if through_proxy and tls is None else 1)
    assert len(proxy.requests) == (1 if through_proxy and tls is not None else 0)
    assert crm.received == []


@dataclass(frozen=True)
class Failure:
    """A check that failed.

    :param connections: that the server got
    :param received: requests that the server got
    """

    error: Exception
    connections: int
    received: int


def fail(
    tls: ssl.SSLContext | None, secret: object = BARE, network: Network | None = None, server: Server | None = None
) -> Failure:
    """Check the access to a server that must be refused at once, although a minute is left."""
    crm = server or Server()

    async def main() -> Exception:
        async with crm.serving(tls) as url:
            with pytest.raises((CrmUnreachableError, SecretError, TokenError)) as raised:
                await asyncio.wait_for(check(url, secret, network, 60.0), 10)
            return raised.value

    return Failure(asyncio.run(main()), crm.connections, len(crm.received))


OTHER = trustme.CA(organization_name="Another organization")
STRANGER = OTHER.issue_cert("job.example")
STRANGERS_CERTIFICATE = {
    "token": "t",
    "client_certificate": STRANGER.cert_chain_pems[0].bytes().decode(),
    "client_key": STRANGER.private_key_pem.bytes().decode(),
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("secret", ["t", STRANGERS_CERTIFICATE], ids=["none", "of another authority"])
def test_a_client_certificate_that_is_refused_fails_at_once(version: ssl.TLSVersion, secret: object) -> None:
    with blocking_server(tls=mutual(version)) as server:
        check_soon = asyncio.wait_for(check(f"https://localhost:{server.port}", secret, seconds=60.0), 10)
        with pytest.raises(CrmUnreachableError, match=r"ended the TLS handshake \(.*ALERT.*\); it likely demands"):
            asyncio.run(check_soon)
    assert server.connections == 1
    assert server.received == []


@pytest.mark.parametrize("ca_pem", [None, OTHER.cert_pem.bytes().decode()])
def test_a_certificate_that_is_not_trusted_fails_at_once(ca_pem: str | None) -> None:
    failure = fail(server_context(), network=Network(ca_pem=ca_pem))
    assert "is self-signed or from an authority that this job does not know" in str(failure.error)
    assert failure.received == 0


@pytest.mark.parametrize(
    ("answer", "credentials", "message"),
    [
        (None, "user:password", "demands a user name and a password, or refuses those in the secret"),
        (b"HTTP/1.1 407 X\r\nContent-Length: 0\r\n\r\n", "", "demands a user name and a password"),
        (b"HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n", "", r"refuses to connect to localhost:\d+ \(HTTP 403\)"),
        (b"HTTP/1.1 405 X\r\nContent-Length: 0\r\n\r\n", "", r"refuses to connect to localhost:\d+ \(HTTP 405\)"),
    ],
)
def test_a_proxy_that_refuses_fails_at_once(answer: bytes | None, credentials: str, message: str) -> None:
    with scripted_proxy(answer, credentials) as proxy:
        failure = fail(server_context(), network=Network(proxy.url, ca_pem=OURS))
        assert re.search(f"the proxy {proxy.url} {message}", str(failure.error))
    assert len(proxy.requests) == 1
    assert failure.connections == 0


def test_a_proxy_gets_user_and_password_of_the_secret() -> None:
    secret = {"token": "t", "proxy_user": "user", "proxy_password": "password"}

    async def main(network: Network) -> None:
        async with Server().serving(server_context()) as url:
            await check(url, secret, network)

    with scripted_proxy(credentials="user:password") as proxy:
        asyncio.run(main(Network(proxy.url, ca_pem=OURS)))
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("secret", ["", "{}", '{"token": 5}', '{"type": "other"}'])
def test_a_malformed_secret_fails_at_once(secret: str) -> None:
    failure = fail(server_context(), secret)
    assert isinstance(failure.error, SecretError)
    assert failure.connections == 0


@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        ([response(400, b'{"error": "invalid_client"}')], 1),
        ([response(401)], 1),
        ([response(403)], 1),
        ([response(200, b"<html>")], 4),
    ],
)
def test_a_token_endpoint_that_refuses_ends_the_check(answers: list[bytes], requests: int) -> None:
    endpoint = Server(answers)

    async def main() -> None:
        async with endpoint.serving() as token_url, Server().serving() as url:
            await asyncio.wait_for(check(url, oauth(f"{token_url}/token"), seconds=60.0), 10)

    with pytest.raises(TokenError) as raised:
        asyncio.run(main())
    assert "hush-7" not in str(raised.value)
    assert len(endpoint.received) == requests


def test_one_token_is_fetched_however_often_it_connects() -> None:
    endpoint, crm = Server([response(503), response(500), response(200, TOKEN)]), Server()

    async def main() -> None:
        async with endpoint.serving() as token_url:
            with closed_port() as port:
                running = asyncio.ensure_future(
                    check(f"http://localhost:{port}", oauth(f"{token_url}/token"), seconds=60.0)
                )
                await asyncio.sleep(0.8)
            async with crm.serving(port=port):
                await running

    asyncio.run(main())
    assert len(endpoint.received) == 3
    assert crm.received == []


@pytest.mark.parametrize(
    "answer",
    [b"", b"garbage\r\n\r\n", b"HTTP/1.1 502 X\r\n\r\n", b"HTTP/1.1 503 X\r\n\r\n"],
    ids=["closes", "garbage", "502", "503"],
)
def test_a_proxy_that_recovers_is_waited_for(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def main(network: Network, recover: Callable[[], None]) -> None:
        async with Server().serving(server_context()) as url:
            asyncio.get_running_loop().call_later(0.3, recover)
            await check(url, "t", network, 60.0)

    with scripted_proxy(answer) as proxy, caplog.at_level(logging.WARNING):
        asyncio.run(main(Network(proxy.url, ca_pem=OURS), lambda: setattr(proxy, "answer", None)))
    assert len(proxy.requests) == len(caplog.records) + 1 > 2
    assert "Checking the access to the CRM: the proxy http://127.0.0.1:" in caplog.messages[0]


@pytest.mark.parametrize(("seconds", "least", "most"), [(0.0, 1, 1), (2.0, 2, 6)])
def test_it_gives_up_after_the_time_allowed(seconds: float, least: int, most: int) -> None:
    problem = r"refuses to connect to crm.example:443 \(HTTP 503\)"
    with scripted_proxy(b"HTTP/1.1 503 X\r\n\r\n") as proxy, pytest.raises(CrmUnreachableError, match=problem):
        asyncio.run(check("https://crm.example", BARE, Network(proxy.url), seconds))
    assert least <= len(proxy.requests) <= most


def test_every_failure_without_a_response_has_words() -> None:
    assert {rule.reason for rule in FAILURE_RULES} == preflight._PROBLEMS.keys()


def test_a_refused_connection_is_described() -> None:
    with closed_port() as port, pytest.raises(CrmUnreachableError) as raised:
        asyncio.run(check(f"http://127.0.0.1:{port}"))
    assert str(raised.value).startswith(f"127.0.0.1:{port} refused the connection, or it could not be made; check")


def test_a_name_without_an_address_is_described() -> None:
    with pytest.raises(CrmUnreachableError, match=r"^the host name of a+.invalid:443 cannot be resolved"):
        asyncio.run(check(f"https://{'a' * 64}.invalid"))


def test_a_server_without_tls_is_described() -> None:
    crm = Server([b"HTTP/1.1 400 X\r\n\r\n"])

    async def main() -> None:
        async with crm.serving() as url:
            await check(url.replace("http", "https"))

    with pytest.raises(CrmUnreachableError, match=r"the TLS handshake with localhost:\d+ failed \(WRONG_VERSION"):
        asyncio.run(main())


def test_a_server_that_closes_after_the_handshake_is_described() -> None:
    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(close, "127.0.0.1", 0, ssl=server_context()) as server:
            await check(f"https://localhost:{server.sockets[0].getsockname()[1]}")

    with pytest.raises(CrmUnreachableError, match=r"closed the connection before anything was sent; it likely demands"):
        asyncio.run(main())
