"""Connecting to the CRM: what goes wrong here is certainly not sent; and where a TLS connection ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engagement_jobs.contract.errors import AmbiguousError, UnsentError
from engagement_jobs.crm_client.http_client import CrmHttpClient, CrmResponse
from tests.support.raw_http import AUTHORITY, BODY, GOOD, raw_server, replies, server_context


async def secret() -> str:
    return "t"


async def post(url: str, seconds: float = 5.0, times: int = 1) -> list[CrmResponse]:
    """The answers to requests that leave at the same time."""
    crm = CrmHttpClient(url, secret, seconds)
    await crm.read_token()
    async with crm:
        return await asyncio.gather(*(crm.post(b"{}", "k") for _ in range(times)))


@pytest.fixture
def unused_port() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        yield bound.getsockname()[1]


@contextlib.contextmanager
def full(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port where attempts to connect stay unanswered, for others wait already."""
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
    """A port where connections are taken and nothing is said, not even in TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


Addresses = Callable[..., list[str]]


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> Addresses:
    """Let every name lead to some addresses, or fail; gives the names that were looked up."""

    def lead_to(*found: str, error: Exception | None = None, seconds: float = 0.0) -> list[str]:
        looked_up: list[str] = []

        async def getaddrinfo(_: object, host: str, port: int, **__: object) -> list[tuple[Any, ...]]:
            looked_up.append(host)
            await asyncio.sleep(seconds)
            if error:
                raise error
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
        return looked_up

    return lead_to


def test_nothing_listens(unused_port: int) -> None:
    with pytest.raises(UnsentError, match=r"^connect$"):
        asyncio.run(post(f"http://127.0.0.1:{unused_port}/"))


def test_the_server_does_not_speak_tls_in_time(silent_port: int) -> None:
    with pytest.raises(UnsentError, match=r"^connect_timeout$"):
        asyncio.run(post(f"https://127.0.0.1:{silent_port}/", seconds=0.4))


def test_connecting_may_take_half_of_the_time() -> None:
    began = time.monotonic()
    with full() as port, pytest.raises(UnsentError, match=r"^connect_timeout$"):
        asyncio.run(post(f"http://127.0.0.1:{port}/", seconds=1.0))
    assert 0.45 <= time.monotonic() - began <= 0.95


def test_a_name_that_does_not_exist(addresses: Addresses) -> None:
    addresses(error=socket.gaierror(-2, "Name or service not known"))
    with pytest.raises(UnsentError, match=r"^dns$"):
        asyncio.run(post("http://crm.example.com/"))


def test_a_name_that_idna_cannot_encode() -> None:
    with pytest.raises(UnsentError, match=r"^dns$"):
        asyncio.run(post(f"http://{'a' * 64}.invalid/"))


def test_a_slow_look_up_is_made_once_for_all_requests(addresses: Addresses) -> None:
    looked_up = addresses("127.0.0.1", seconds=60)
    with pytest.raises(UnsentError, match=r"^connect_timeout$"):
        asyncio.run(post("http://crm.example.com/", seconds=0.4, times=8))
    assert looked_up == ["crm.example.com"]


@pytest.mark.parametrize("first", ["refuses", "hangs"])
def test_another_address_is_tried_and_names_are_looked_up_once(first: str, addresses: Addresses) -> None:
    async def main() -> list[str]:
        async with raw_server(replies(GOOD)) as server:
            with full("127.0.0.2", server.port) if first == "hangs" else contextlib.nullcontext():
                looked_up = addresses("127.0.0.2", "127.0.0.1")
                answers = await post(f"http://crm.example.com:{server.port}/", times=4)
                assert [answer.body for answer in answers] == [BODY] * 4
                return looked_up

    assert asyncio.run(main()) == ["crm.example.com"]


def over_tls(*parts: bytes, then: str = "hang", host: str = "localhost", times: int = 1) -> list[CrmResponse]:
    async def main() -> list[CrmResponse]:
        async with raw_server(replies(*parts, then=then), server_context()) as server:
            return await post(f"https://{host}:{server.port}/", times=times)

    return asyncio.run(main())


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


@pytest.mark.usefixtures("trusted")
def test_a_server_that_can_be_trusted() -> None:
    assert [answer.body for answer in over_tls(GOOD, times=3)] == [BODY] * 3


def test_a_certificate_of_an_unknown_authority() -> None:
    with pytest.raises(UnsentError, match=r"^tls$"):
        over_tls(GOOD)


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_name() -> None:
    with pytest.raises(UnsentError, match=r"^tls$"):
        over_tls(GOOD, host="127.0.0.1")


def test_a_server_without_tls() -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            await post(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    with pytest.raises(UnsentError, match=r"^tls$"):
        asyncio.run(main())


UNTIL_THE_END = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("parts", "then"),
    [
        ((UNTIL_THE_END + BODY,), "close"),
        ((UNTIL_THE_END, BODY), "close"),
        ((GOOD,), "cut"),
        ((GOOD,), "reset"),
    ],
)
def test_an_answer_over_tls_that_is_complete(parts: tuple[bytes, ...], then: str) -> None:
    assert over_tls(*parts, then=then)[0].body == BODY


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("parts", "then"),
    [
        ((UNTIL_THE_END + BODY,), "cut"),
        ((UNTIL_THE_END, BODY), "cut"),
        ((UNTIL_THE_END, BODY), "reset"),
        ((GOOD[:-1],), "close"),
        ((GOOD[:-1],), "cut"),
        ((), "cut"),
        ((), "close"),
    ],
)
def test_an_answer_over_tls_that_is_cut_off(parts: tuple[bytes, ...], then: str) -> None:
    with pytest.raises(AmbiguousError, match=r"^reset$"):
        over_tls(*parts, then=then)
