"""Failures while connecting are UnsentError. A TLS connection that ends early is AmbiguousError."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engagement_jobs.contract.errors import AmbiguousError, UnsentError
from engagement_jobs.crm_client.http_client import CrmHttpClient, CrmResponse
from engagement_jobs.crm_client.transport.network import Network
from tests.support.crm_requests import request_of, template_for
from tests.support.raw_http import AUTHORITY, BODY, GOOD, raw_server, respond, server_context

NETWORK = Network(ca_pem=AUTHORITY.cert_pem.bytes().decode())


async def secret() -> str:
    return "t"


async def post(url: str, seconds: float = 5.0, times: int = 1) -> list[CrmResponse]:
    """Send requests at the same time and return the responses."""
    async with CrmHttpClient(template_for(url), secret, seconds, NETWORK) as client:
        await client.read_token()
        return await asyncio.gather(*(client.send(request_of(client)) for _ in range(times)))


@pytest.fixture
def unused_port() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # but does not listen
        yield bound.getsockname()[1]


@contextlib.contextmanager
def full_backlog(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Open a port where new connections get no response, because the backlog is full."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server((host, port), backlog=0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listening.getsockname())
        yield listening.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and sends nothing, not even a TLS handshake."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


ResolveTo = Callable[..., list[str]]


@pytest.fixture
def resolve_to(monkeypatch: pytest.MonkeyPatch) -> ResolveTo:
    """Function that resolves all names to the given addresses, or fails; it returns the list of names looked up."""

    def patch(*addresses: str, error: Exception | None = None, seconds: float = 0.0) -> list[str]:
        looked_up: list[str] = []

        async def getaddrinfo(_: object, host: str, port: int, **__: object) -> list[tuple[Any, ...]]:
            looked_up.append(host)
            await asyncio.sleep(seconds)
            if error:
                raise error
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
        return looked_up

    return patch


def test_refused_connection_is_unsent(unused_port: int) -> None:
    with pytest.raises(UnsentError, match=r"^connect$"):
        asyncio.run(post(f"http://127.0.0.1:{unused_port}/"))


def test_tls_handshake_timeout_is_unsent(silent_port: int) -> None:
    with pytest.raises(UnsentError, match=r"^connect_timeout$"):
        asyncio.run(post(f"https://127.0.0.1:{silent_port}/", seconds=0.4))


def test_connecting_may_take_half_of_the_timeout() -> None:
    started = time.monotonic()
    with full_backlog() as port, pytest.raises(UnsentError, match=r"^connect_timeout$"):
        asyncio.run(post(f"http://127.0.0.1:{port}/", seconds=1.0))
    assert 0.45 <= time.monotonic() - started <= 0.95


def test_unknown_host_name_is_unsent(resolve_to: ResolveTo) -> None:
    resolve_to(error=socket.gaierror(-2, "Name or service not known"))
    with pytest.raises(UnsentError, match=r"^dns$"):
        asyncio.run(post("http://crm.example.com/"))


def test_host_name_that_idna_cannot_encode_is_unsent() -> None:
    with pytest.raises(UnsentError, match=r"^dns$"):
        asyncio.run(post(f"http://{'a' * 64}.invalid/"))


def test_slow_dns_lookup_is_made_once_for_all_requests(resolve_to: ResolveTo) -> None:
    looked_up = resolve_to("127.0.0.1", seconds=60)
    with pytest.raises(UnsentError, match=r"^connect_timeout$"):
        asyncio.run(post("http://crm.example.com/", seconds=0.4, times=8))
    assert looked_up == ["crm.example.com"]


@pytest.mark.parametrize("first", ["refuses", "hangs"])
def test_next_address_is_tried_after_one_dns_lookup(first: str, resolve_to: ResolveTo) -> None:
    async def main() -> list[str]:
        async with raw_server(respond(GOOD)) as server:
            with full_backlog("127.0.0.2", server.port) if first == "hangs" else contextlib.nullcontext():
                looked_up = resolve_to("127.0.0.2", "127.0.0.1")
                responses = await post(f"http://crm.example.com:{server.port}/", times=4)
                assert [response.body for response in responses] == [BODY] * 4
                return looked_up

    assert asyncio.run(main()) == ["crm.example.com"]


def over_tls(*parts: bytes, then: str = "hang", host: str = "localhost", times: int = 1) -> list[CrmResponse]:
    async def main() -> list[CrmResponse]:
        async with raw_server(respond(*parts, then=then), server_context()) as server:
            return await post(f"https://{host}:{server.port}/", times=times)

    return asyncio.run(main())


def test_trusted_certificate_is_accepted() -> None:
    assert [response.body for response in over_tls(GOOD, times=3)] == [BODY] * 3


def test_server_without_tls_is_unsent() -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            await post(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    with pytest.raises(UnsentError, match=r"^tls$"):
        asyncio.run(main())


HEAD_WITHOUT_LENGTH = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    ("parts", "then"),
    [
        ((HEAD_WITHOUT_LENGTH + BODY,), "close"),
        ((HEAD_WITHOUT_LENGTH, BODY), "close"),
        ((GOOD,), "cut"),
        ((GOOD,), "reset"),
    ],
)
def test_complete_response_over_tls_is_read(parts: tuple[bytes, ...], then: str) -> None:
    assert over_tls(*parts, then=then)[0].body == BODY


@pytest.mark.parametrize(
    ("parts", "then"),
    [
        ((HEAD_WITHOUT_LENGTH + BODY,), "cut"),
        ((HEAD_WITHOUT_LENGTH, BODY), "cut"),
        ((HEAD_WITHOUT_LENGTH, BODY), "reset"),
        ((GOOD[:-1],), "close"),
        ((GOOD[:-1],), "cut"),
        ((), "cut"),
        ((), "close"),
    ],
)
def test_incomplete_response_over_tls_is_ambiguous(parts: tuple[bytes, ...], then: str) -> None:
    with pytest.raises(AmbiguousError, match=r"^reset$"):
        over_tls(*parts, then=then)
