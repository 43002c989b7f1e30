"""Connections are kept where that is safe, and an error tells whether the server can have read the request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from engagement_jobs import connections
from engagement_jobs.connections import AmbiguousError, Connections, UnsentError
from engagement_jobs.http_answers import AnswerReader
from local.processes import REPOSITORY

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"

Answers = Callable[[int, int, asyncio.StreamWriter], Awaitable[None]]


async def good(connection: int, number: int, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001 - an Answers
    writer.write(GOOD)


def serve(
    answers: Answers,
    client: Callable[[Connections], Awaitable[Any]],
    seconds: float = 5.0,
    url: str = "http://127.0.0.1:{}/",
    tls: ssl.SSLContext | None = None,
) -> int:
    """Let `client` talk to a server whose n-th connection answers by `answers(n, number of the request, writer)`.

    Gives how many connections got as far as that.
    """
    seen = 0

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen += 1
        connection, number = seen, 0
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            while await reader.read(4096):
                number += 1
                await answers(connection, number, writer)

    async def main() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
        async with server:
            port = server.sockets[0].getsockname()[1]
            pool = Connections(URL(url.format(port)), seconds)
            await client(pool)
            await pool.close()

    asyncio.run(main())
    return seen


async def three(pool: Connections) -> None:
    for _ in range(3):
        assert (await pool.exchange(REQUEST)).body == b"{}"
        await asyncio.sleep(0.02)  # whatever else the server says or does has come by now


def test_one_connection_serves_one_request_after_the_other() -> None:
    assert serve(good, three) == 1


def test_requests_at_once_have_a_connection_each() -> None:
    async def client(pool: Connections) -> None:
        for _ in range(2):
            await asyncio.gather(*(pool.exchange(REQUEST) for _ in range(5)))

    assert serve(good, client) == 5


async def and_closes(connection: int, number: int, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001 - an Answers
    writer.write(GOOD)
    writer.close()


async def says_that_it_closes(connection: int, number: int, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
    writer.write(GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))


async def says_more_than_asked(connection: int, number: int, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
    writer.write(GOOD)
    await writer.drain()
    await asyncio.sleep(0.01)
    writer.write(GOOD.replace(b"{}", b"[]"))


@pytest.mark.parametrize("answers", [and_closes, says_that_it_closes, says_more_than_asked])
def test_a_connection_is_not_used_again_when_that_is_not_safe(answers: Answers) -> None:
    assert serve(answers, three) == 3


@pytest.mark.parametrize("surplus", [GOOD, b""])
def test_what_came_before_a_request_left_is_not_its_answer(surplus: bytes) -> None:
    """What comes, or the connection's end, while the loop does other things is there, and nobody has read it."""
    served = 0

    def serve_two(listening: socket.socket) -> None:
        nonlocal served
        for _ in range(2):
            one, _address = listening.accept()
            with one:
                one.recv(4096)
                one.sendall(GOOD)
                answered.wait(5)
                one.sendall(surplus.replace(b"{}", b"[]"))
                served += 1
                sent.set()

    answered, sent = threading.Event(), threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    async def main() -> None:
        pool = Connections(URL(f"http://127.0.0.1:{listening.getsockname()[1]}/"), 5.0)
        for _ in range(2):
            assert (await pool.exchange(REQUEST)).body == b"{}"
            answered.set()
            sent.wait(5)
            time.sleep(0.05)  # noqa: ASYNC251 - the loop must not read it
        await pool.close()

    with listening:
        server = threading.Thread(target=serve_two, args=(listening,), daemon=True)
        server.start()
        asyncio.run(main())
        server.join(5)
    assert served == 2


def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_IDLE_SECONDS", 0.01)
    assert serve(good, three) == 3


@pytest.mark.parametrize(
    ("said", "idle_seconds", "used"),
    [
        ("timeout=5, max=100", 2, 1),
        ("max=100, Timeout=5", 3, 2),
        ("timeout=0", 0, 2),
        ("timeout=86400", 29, 1),
        ("timeout=86400", 31, 2),
        ("max=1", 29, 1),
    ],
)
def test_a_connection_is_not_used_after_half_of_the_idleness_that_its_server_allows(
    said: str, idle_seconds: int, used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = asyncio.BaseEventLoop.time

    async def keeps(connection: int, number: int, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001 - an Answers
        writer.write(GOOD.replace(b"\r\n\r\n", b"\r\nKeep-Alive: %b\r\n\r\n" % said.encode()))

    async def client(pool: Connections) -> None:
        await pool.exchange(REQUEST)
        with monkeypatch.context() as later:
            later.setattr(asyncio.BaseEventLoop, "time", lambda loop: now(loop) + idle_seconds)
            await pool.exchange(REQUEST)

    assert serve(keeps, client) == used


async def cuts_off(connection: int, number: int, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001 - an Answers
    writer.write(GOOD[:-1])
    writer.close()


async def resets(connection: int, number: int, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001 - an Answers
    writer.transport.abort()


async def speaks_something_else(connection: int, number: int, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
    writer.write(b"220 smtp.example.com ESMTP\r\n\r\n")


async def says_nothing(connection: int, number: int, writer: asyncio.StreamWriter) -> None: ...


@pytest.mark.parametrize(
    ("answers", "reason"),
    [(cuts_off, "reset"), (resets, "reset"), (speaks_something_else, "reset"), (says_nothing, "timeout")],
)
def test_what_may_have_been_read_is_in_doubt_and_the_next_request_goes_elsewhere(answers: Answers, reason: str) -> None:
    async def first_only(connection: int, number: int, writer: asyncio.StreamWriter) -> None:
        await (answers if connection == 1 else good)(connection, number, writer)

    async def client(pool: Connections) -> None:
        with pytest.raises(AmbiguousError, match=reason):
            await pool.exchange(REQUEST)
        assert (await pool.exchange(REQUEST)).status == 200

    assert serve(first_only, client, seconds=0.5) == 2


def test_what_is_under_way_when_all_is_closed_is_in_doubt() -> None:
    async def without_an_end(connection: int, number: int, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n{")

    async def client(pool: Connections) -> None:
        under_way = asyncio.create_task(pool.exchange(REQUEST))
        await asyncio.sleep(0.1)
        await pool.close()
        with pytest.raises(AmbiguousError, match="reset"):
            await under_way

    assert serve(without_an_end, client) == 1


def test_a_request_that_is_given_up_leaves_its_connection_to_nobody() -> None:
    async def half(connection: int, number: int, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001 - an Answers
        writer.write(GOOD[:-1] if connection == 1 else GOOD)

    async def client(pool: Connections) -> None:
        given_up = asyncio.create_task(pool.exchange(REQUEST))
        await asyncio.sleep(0.1)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        assert (await pool.exchange(REQUEST)).body == b"{}"

    assert serve(half, client) == 2


def ask(url: str, seconds: float = 5.0) -> AnswerReader:
    return asyncio.run(Connections(URL(url), seconds).exchange(REQUEST))


def addresses(monkeypatch: pytest.MonkeyPatch, *found: str, error: Exception | None = None) -> list[str]:
    """Have every name lead to these addresses; gives the names that were asked for."""
    asked: list[str] = []

    async def getaddrinfo(_: object, host: str, port: int, **__: object) -> list[tuple[Any, ...]]:
        asked.append(host)
        if error:
            raise error
        return [(0, 0, 0, "", (address, port)) for address in found]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses(monkeypatch, error=socket.gaierror(-2, "Name or service not known"))
    with pytest.raises(UnsentError, match="dns"):
        ask("http://crm.example.com/")


def test_names_that_take_long_are_asked_for_by_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def slowly(_: object, host: str, *__: object, **___: object) -> None:
        asked.append(host)
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", slowly)

    async def main() -> None:
        pool = Connections(URL("http://crm.example.com/"), 0.1)
        for _ in range(2):
            found = await asyncio.gather(*(pool.exchange(REQUEST) for _ in range(8)), return_exceptions=True)
            assert [str(error) for error in found] == ["connect_timeout"] * 8

    asyncio.run(main())
    assert asked == ["crm.example.com"]


def test_a_server_that_does_not_take_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", never)
    with pytest.raises(UnsentError, match="connect_timeout"):
        ask("http://127.0.0.1:9/", seconds=0.1)


def test_connecting_leaves_half_of_the_time_to_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slowly(*_: object, **__: object) -> None:
        await asyncio.sleep(0.4)
        raise AssertionError("it was to be given up before")

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", slowly)
    with pytest.raises(UnsentError, match="connect_timeout"):
        ask("http://127.0.0.1:9/", seconds=0.6)


def test_an_address_that_does_not_answer_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = asyncio.BaseEventLoop.create_connection
    tried: list[str] = []

    async def first_in_vain(loop: Any, factory: Any, host: str, port: int, **given: Any) -> Any:
        tried.append(host)
        if len(tried) == 1:
            await asyncio.sleep(60)
        return await connect(loop, factory, "127.0.0.1", port, **given)

    async def client(pool: Connections) -> None:
        addresses(monkeypatch, "127.0.0.2", "127.0.0.1")
        monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", first_in_vain)
        await pool.exchange(REQUEST)

    assert serve(good, client, seconds=2.0) == 1
    assert sorted(tried) == ["127.0.0.1", "127.0.0.2"]


def test_another_address_is_tried_and_names_are_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def client(pool: Connections) -> None:
        asked = addresses(monkeypatch, "127.0.0.2", "127.0.0.1")  # at the first nobody listens
        await asyncio.gather(*(pool.exchange(REQUEST) for _ in range(4)))
        assert len(asked) == 1

    assert serve(good, client) == 4


_CERTIFICATE = """
import datetime, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
now = datetime.datetime.now(datetime.UTC)
made = (
    x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(1))
    .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    .sign(key, hashes.SHA256())
)
pem = serialization.Encoding.PEM
private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
open(sys.argv[1], "wb").write(private + made.public_bytes(pem))
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of "localhost", signed by itself, and its key. Airflow's environment has what makes them."""
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    subprocess.run([REPOSITORY / ".venv" / "bin" / "python", "-c", _CERTIFICATE, file], check=True, timeout=60)
    return file


@pytest.mark.parametrize(
    ("host", "trusted", "taken"), [("localhost", True, True), ("localhost", False, False), ("127.0.0.1", True, False)]
)
def test_a_server_must_be_who_it_says(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, host: str, trusted: bool, taken: bool
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def refused(pool: Connections) -> None:
        with pytest.raises(UnsentError, match="tls"):
            await pool.exchange(REQUEST)

    url = f"https://{host}:{{}}/"
    assert serve(good, three if taken else refused, url=url, tls=tls) == taken


@pytest.mark.parametrize("properly", [True, False])
def test_over_tls_an_answer_without_a_length_ends_with_a_proper_end_only(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, properly: bool
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def answers(connection: int, number: int, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n{}")
        await writer.drain()
        await asyncio.sleep(0.05)
        if not properly:
            writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
            await asyncio.sleep(0.2)
        writer.close()

    async def client(pool: Connections) -> None:
        if properly:
            assert (await pool.exchange(REQUEST)).body == b"{}"
        else:
            with pytest.raises(AmbiguousError, match="reset"):
                await pool.exchange(REQUEST)

    assert serve(answers, client, url="https://localhost:{}/", tls=tls) == 1
