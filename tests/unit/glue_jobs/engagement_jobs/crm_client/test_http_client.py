"""The HTTP client against servers with unusual or broken responses."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import http_parser

from engagement_jobs.contract.errors import AmbiguousError, ReusedConnectionError
from engagement_jobs.crm_client import http_client
from engagement_jobs.crm_client.http_client import CrmHttpClient, CrmResponse
from engagement_jobs.crm_client.response_bodies import MAX_BODY_BYTES
from engagement_jobs.crm_client.transport import sessions
from tests.support.crm_requests import request_of, template_for
from tests.support.raw_http import BODY, GOOD, RawServer, ReceivedRequest, Responder, raw_server, respond

Requests = Callable[[CrmHttpClient], Awaitable[Any]]

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)
RAW_DEFLATE = zlib.compress(BODY, wbits=-15)


async def secret() -> str:
    return '{"type": "header", "token": "t", "header": "X-Api-Key", "scheme": ""}'


def serve(
    responder: Responder, requests: Requests, seconds: float = 5.0, host: str = "127.0.0.1", method: str = "POST"
) -> RawServer:
    """Send requests to a raw server and return the server."""

    async def main() -> RawServer:
        async with raw_server(responder) as server:
            url = f"http://{host}:{server.port}/api/v1/update-score"
            client = CrmHttpClient(template_for(url, method), secret, seconds)
            await client.read_token()
            async with client:
                await requests(client)
            return server

    return asyncio.run(main())


def response_to(responder: Responder, seconds: float = 5.0) -> CrmResponse:
    """Send one request and return the response."""
    responses: list[CrmResponse] = []

    async def send(client: CrmHttpClient) -> None:
        responses.append(await client.send(request_of(client)))

    serve(responder, send, seconds)
    return responses[0]


def encoded(coding: str, body: bytes, header: bytes = b"Content-Encoding") -> bytes:
    return OK + b"%b: %b\r\nContent-Length: %d\r\n\r\n%b" % (header, coding.encode(), len(body), body)


def test_aiohttp_uses_its_compiled_parser() -> None:
    assert http_parser.HttpResponseParser.__module__ == "aiohttp._http_parser"


def test_request_has_exactly_these_bytes() -> None:
    payload = '{"user_id": "Ü", "engagement_score": "73.25"}'.encode()
    server = serve(respond(GOOD), lambda client: client.send(request_of(client, "the-key", payload)))

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    first, *headers = head.decode().split("\r\n")
    assert first == "POST /api/v1/update-score HTTP/1.1"
    assert sorted(headers) == [
        "Accept-Encoding: identity",
        "Accept: */*",
        f"Content-Length: {len(payload)}",
        "Content-Type: application/json",
        f"Host: 127.0.0.1:{server.port}",
        "Idempotency-Key: the-key",
        "User-Agent: customer-engagement-scoring/1",
        "X-Api-Key: t",
    ]
    assert body == payload


@pytest.mark.parametrize(
    ("responder", "status"),
    [
        (respond(GOOD), 200),
        (respond(*(GOOD[at : at + 1] for at in range(len(GOOD)))), 200),
        (respond(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n" + GOOD), 200),
        (respond(b"HTTP/1.1 100 Continue\r\n\r\n", GOOD), 200),
        (respond(OK.replace(b" OK", b"") + LENGTH + b"\r\n" + BODY), 200),
        (respond((OK + LENGTH + b"\r\n").replace(b"\r\n", b"\n") + BODY), 200),
        (respond((OK + LENGTH + b"\r\n").replace(b"Content-Length", b"content-length") + BODY), 200),
        (respond(OK + b"X-Long: folded\r\n over two lines\r\n" + LENGTH + b"\r\n" + BODY), 200),
        (respond(OK + b"Set-Cookie: a=b\r\n" * 100 + LENGTH + b"\r\n" + BODY), 200),
        (respond(b"\r\n" + GOOD), 200),
        (respond(CHUNKED + b"00%x;a=b\r\n%b\r\n000\r\n\r\n" % (len(BODY), BODY)), 200),
        (respond(b"HTTP/1.1 404\r\n" + LENGTH + b"\r\n" + BODY), 404),
        (respond(b"HTTP/1.1 503 D\xe9j\xe0\r\nX-Name: J\xf6rg\r\n" + LENGTH + b"\r\n" + BODY), 503),
        (respond(b"HTTP/1.0 200 OK\r\n" + LENGTH + b"\r\n" + BODY, then="close"), 200),
        (respond(OK + b"X: " + b"x" * 20_000 + b"\r\n" + LENGTH + b"\r\n" + BODY), 200),
        (respond(CHUNKED + CHUNK + b"0\r\n\r\n"), 200),
        (
            respond(CHUNKED, b'1;a="b"\r\n{\r\n', b"%x\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (len(BODY) - 1, BODY[1:])),
            200,
        ),
        (respond(OK + b"\r\n", BODY, then="close"), 200),
        (respond(OK + b"\r\n" + BODY, then="close"), 200),
        (respond(OK + b"Transfer-Encoding: identity\r\n\r\n" + BODY, then="close"), 200),
        *((respond(encoded(name, gzip.compress(BODY))), 200) for name in ("gzip", "GZIP", "x-gzip", "identity, gzip")),
        (respond(encoded("deflate", zlib.compress(BODY))), 200),
        (respond(encoded("deflate", RAW_DEFLATE)), 200),
        (respond(encoded("gzip", gzip.compress(BODY)).replace(b"200", b"422")), 422),
        *((respond(encoded(name, BODY)), 200) for name in ("", "identity", "none", "UTF-8")),
    ],
)
def test_unusual_but_valid_responses_are_read(responder: Responder, status: int) -> None:
    response = response_to(responder)
    assert (response.status, response.body, response.token_version) == (status, BODY, 0)


@pytest.mark.parametrize(
    "raw",
    [
        b"204 No Content\r\n\r\n",
        b"204 No Content\r\nContent-Type: text/html; charset=utf-8\r\n\r\n",
        b"204 No Content\r\nContent-Encoding: gzip\r\n\r\n",
        b"204 No Content\r\nContent-Encoding: br\r\nContent-Length: 0\r\n\r\n",
        b"205 Reset Content\r\n\r\n",  # many servers send no length, because there is no body
        b"205 Reset Content\r\nContent-Length: 0\r\n\r\n",
        b"204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"204 No Content\r\nContent-Length: 2\r\n\r\nOK",
        b"205 Reset Content\r\nContent-Length: 2\r\n\r\nOK",
        b"200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
        b"201 Created\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
@pytest.mark.parametrize(
    "interim", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\nA: b\r\n\r\n" * 3]
)
def test_complete_response_without_a_body_is_read(raw: bytes, interim: bytes) -> None:
    response = response_to(respond(interim + b"HTTP/1.1 " + raw))
    assert (response.status, response.body) == (int(raw[:3]), b"")


@pytest.mark.parametrize("raw", [OK, OK + b"Content-Type: application/json\r\n", b"HTTP/1.0 202 Accepted\r\n"])
@pytest.mark.parametrize("blank", [b"", b"\n", b" \r\n\r\n"])
def test_body_that_is_empty_by_close_is_not_readable(raw: bytes, blank: bytes) -> None:
    assert response_to(respond(raw + b"\r\n" + blank, then="close")).body is None


def test_101_is_a_response_without_a_body() -> None:
    raw = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nnot HTTP"

    async def send(client: CrmHttpClient) -> None:
        async with asyncio.timeout(2):
            response = await client.send(request_of(client))
        assert (response.status, response.body) == (101, b"")

    serve(respond(raw), send)


def test_first_of_repeated_headers_counts() -> None:
    response = response_to(respond(b"HTTP/1.1 429 x\r\nRetry-After:  7\r\nretry-after: 9\r\nContent-Length: 0\r\n\r\n"))
    assert (response.status, response.headers.get("retry-after")) == (429, "7")


@pytest.mark.parametrize(
    "raw",
    [
        encoded("br", BODY),
        encoded("gzip", BODY),
        encoded("gzip", gzip.compress(BODY)[:-3]),
        encoded("gzip", gzip.compress(BODY) * 2),
        encoded("gzip, gzip", gzip.compress(gzip.compress(BODY))),
        encoded("gzip", gzip.compress(b" " * 50_000_000)),
        encoded("deflate", BODY),
        encoded("identity", b" " * (MAX_BODY_BYTES + 1)),
        OK + b"Transfer-Encoding: br, chunked\r\n\r\n" + CHUNK + b"0\r\n\r\n",
        CHUNKED + b"10000\r\n%b\r\n" % (b" " * 65_536) * 17,
    ],
    ids=lambda raw: repr(raw[15:60]),
)
@pytest.mark.parametrize("status", [200, 429])
def test_unreadable_body_keeps_status_and_headers(raw: bytes, status: int) -> None:
    response = response_to(respond(raw.replace(b"200 OK", b"%d x\r\nRetry-After: 7" % status, 1)))
    assert (response.status, response.headers.get("retry-after"), response.body) == (status, "7", None)


def test_body_of_exactly_the_limit_is_read() -> None:
    body = b" " * MAX_BODY_BYTES
    assert response_to(respond(encoded("gzip", gzip.compress(body)))).body == body
    assert response_to(respond(encoded("identity", body))).body == body


@pytest.mark.parametrize(
    ("responder", "reason"),
    [
        (respond(then="close"), "reset"),
        (respond(then="reset"), "reset"),
        (respond(OK + b"Content-Le", then="close"), "reset"),
        (respond(OK + b"Content-Le", then="reset"), "reset"),
        (respond(OK + b"Content-Length: 0\r\n", then="close"), "reset"),
        (respond(GOOD[:-1], then="close"), "reset"),
        (respond(GOOD[:-1], then="reset"), "reset"),
        (respond(CHUNKED + CHUNK[:-5], then="close"), "reset"),
        (respond(CHUNKED + CHUNK, then="close"), "reset"),
        (respond(CHUNKED + CHUNK + b"0\r\n", then="reset"), "reset"),
        (respond(OK + b"\r\n" + BODY, then="reset"), "reset"),
        (respond(OK + b"Transfer-Encoding: chunked, identity\r\n\r\n" + BODY, then="reset"), "reset"),
        (respond(CHUNKED[:-2] + b"Transfer-Encoding: identity\r\n\r\n" + BODY, then="reset"), "reset"),
        (respond(OK + b"Content-Length : 21\r\n\r\n" + BODY), "malformed"),
        (respond(OK + b"Content-Length : 21\r\n\r\n", BODY), "malformed"),
        (respond(OK + b"X-Name : space behind the name\r\n" + LENGTH + b"\r\n" + BODY), "malformed"),
        (respond(), "timeout"),
        (respond(OK), "timeout"),
        (respond(GOOD[:-1]), "timeout"),
        (respond(CHUNKED, b"not hexadecimal\r\n"), "timeout"),
        (respond(CHUNKED, *[b"1\r\n \r\n"] * 60), "timeout"),
        (respond(b"220 smtp.example.com ESMTP\r\n\r\n"), "malformed"),
        (respond(b"HTTP/2 200\r\n\r\n"), "malformed"),
        (respond(b"HTTP/1.1 2000 x\r\n\r\n"), "malformed"),
        (respond(OK + b"no colon\r\n" + LENGTH + b"\r\n" + BODY), "malformed"),
        (respond(OK + b"X Y: space in the name\r\n" + LENGTH + b"\r\n" + BODY), "malformed"),
        (respond(OK + LENGTH + LENGTH + b"\r\n" + BODY), "malformed"),
        (respond(OK + b"Content-Length: -2\r\n\r\n" + BODY), "malformed"),
        (respond(OK + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK + b"0\r\n\r\n"), "malformed"),
        (respond(OK + LENGTH + b"Transfer-Encoding: identity\r\n\r\n" + BODY), "malformed"),
        (respond(OK + b"X: " + b"x" * 70_000 + b"\r\n" + LENGTH + b"\r\n" + BODY), "malformed"),
        (respond(CHUNKED + b"not hexadecimal\r\n"), "malformed"),
    ],
)
def test_missing_or_broken_response_is_ambiguous(responder: Responder, reason: str) -> None:
    with pytest.raises(AmbiguousError, match=rf"^{reason}$"):
        response_to(responder, seconds=1.0)


@pytest.mark.parametrize("then", ["close", "reset", "hang"])
@pytest.mark.parametrize("status", [404, 429, 503])
@pytest.mark.parametrize(
    "raw",
    [
        GOOD[:-1],
        CHUNKED + CHUNK,
        CHUNKED + CHUNK[:5],
        OK + b"\r\n" + BODY,
        OK + b"\r\n",
        encoded("br", BODY),
        encoded("br", BODY)[:-1],
        encoded("gzip", gzip.compress(BODY)[:-3]),
        OK + b"Content-Length : 21\r\n\r\n" + BODY,
        GOOD + b" more than the length says",
        CHUNKED + b"not hexadecimal\r\n",
        CHUNKED + CHUNK + b"not hexadecimal\r\n",
    ],
    ids=lambda raw: repr(raw[15:60]),
)
def test_status_and_headers_count_despite_the_body(
    raw: bytes, status: int, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "_MAX_ERROR_BODY_SECONDS", 0.1)
    raw = raw.replace(b"200", b"%d" % status, 1).replace(b"OK", b"x\r\nRetry-After: 7", 1)
    started = time.monotonic()
    response = response_to(respond(raw, then=then), seconds=30)
    assert (response.status, response.headers.get("retry-after")) == (status, "7")
    assert time.monotonic() - started < 10


async def send_three(client: CrmHttpClient) -> None:
    for _ in range(3):
        assert (await client.send(request_of(client))).body == BODY
        await asyncio.sleep(0.2)  # further bytes, or the end of the connection, arrive within this time


@pytest.mark.parametrize(
    ("responder", "connections"),
    [
        (respond(GOOD), 1),
        (respond(GOOD, then="close"), 3),
        (respond(GOOD, then="reset"), 3),
        (respond(GOOD.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")), 3),
        (respond(GOOD + GOOD.replace(b"updated", b"no news")), 3),
        (respond(GOOD, GOOD.replace(b"updated", b"no news")), 3),
        (respond(GOOD, b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"), 3),
    ],
)
def test_connection_is_reused_only_if_that_is_safe(responder: Responder, connections: int) -> None:
    server = serve(responder, send_three)
    assert (server.connections, len(server.requests)) == (connections, 3)


def test_connection_is_not_reused_after_a_long_idle_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_KEEPALIVE_SECONDS", 0.01)
    assert serve(respond(GOOD), send_three).connections == 3


def test_connection_is_not_reused_after_an_overlong_body() -> None:
    async def send(client: CrmHttpClient) -> None:
        for _ in range(2):
            assert (await client.send(request_of(client))).body is None

    assert serve(respond(encoded("identity", b" " * 2 * MAX_BODY_BYTES)), send).connections == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("then", ["close", "reset"])
def test_no_method_is_retried_by_aiohttp(method: str, then: str) -> None:
    async def once(request: ReceivedRequest) -> None:
        await respond(*[GOOD] if request.number == 1 else [], then="hang" if request.number == 1 else then)(request)

    async def send(client: CrmHttpClient) -> None:
        await client.send(request_of(client, "k1"))
        with pytest.raises(ReusedConnectionError, match="reset"):
            await client.send(request_of(client, "k2"))

    server = serve(once, send, method=method)
    assert server.connections == 1
    assert [request.split(b" ")[0].decode() for request in server.requests] == [method, method]


def test_more_than_100_requests_may_be_in_flight() -> None:
    async def send(client: CrmHttpClient) -> None:
        for _ in range(2):
            await asyncio.gather(*(client.send(request_of(client)) for _ in range(150)))

    server = serve(respond(GOOD), send)
    assert (server.connections, len(server.requests)) == (150, 300)


def test_cookies_are_not_sent() -> None:
    cookie = GOOD.replace(b"OK\r\n", b"OK\r\nSet-Cookie: session=of-one-user; Path=/\r\n")
    server = serve(respond(cookie), send_three, host="localhost")  # aiohttp never keeps cookies of an IP address
    assert not any(b"cookie" in request.lower() for request in server.requests)


@pytest.mark.parametrize("status", [301, 303, 307])
def test_redirect_is_returned_not_followed(status: int) -> None:
    raw = b"HTTP/1.1 %d x\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n" % status

    async def send(client: CrmHttpClient) -> None:
        assert (await client.send(request_of(client))).status == status

    assert len(serve(respond(raw), send).requests) == 1


def test_environment_sets_no_proxy_and_no_password(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login jane password doe\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server = serve(respond(GOOD), send_three)
    assert b"authorization" not in server.requests[0].lower()


def test_connection_of_a_canceled_request_is_not_reused() -> None:
    async def half(request: ReceivedRequest) -> None:
        await request.write(GOOD[:-1] if request.connection == 1 else GOOD)

    async def send(client: CrmHttpClient) -> None:
        canceled = asyncio.create_task(client.send(request_of(client)))
        await asyncio.sleep(0.1)
        canceled.cancel()
        await asyncio.gather(canceled, return_exceptions=True)
        assert (await client.send(request_of(client))).body == BODY

    assert serve(half, send).connections == 2


def test_new_token_is_used_for_the_next_request() -> None:
    tokens = ["old", "old", "new"]

    async def read() -> str:
        return tokens.pop(0)

    async def send(client: CrmHttpClient) -> None:
        client._authenticator._read_secret = read
        assert await client.refresh_token()
        assert not await client.refresh_token()
        assert (await client.send(request_of(client))).token_version == 1
        assert await client.refresh_token()
        assert (await client.send(request_of(client))).token_version == 2

    last = serve(respond(GOOD), send).requests[-1]
    assert last.count(b"Authorization") == last.count(b"Authorization: Bearer new\r\n") == 1
