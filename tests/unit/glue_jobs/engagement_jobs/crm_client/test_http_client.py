"""The HTTP client against servers that answer in odd ways: what is an answer, and what the CRM may have applied."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import http_parser

from engagement_jobs.contract.errors import AmbiguousError, SecretError
from engagement_jobs.crm_client import http_client
from engagement_jobs.crm_client.http_client import Credential, CrmHttpClient, CrmResponse
from engagement_jobs.crm_client.response_bodies import MAX_BODY
from tests.support.raw_http import BODY, GOOD, Answers, Call, RawServer, raw_server, replies

Client = Callable[[CrmHttpClient], Awaitable[Any]]

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)
RAW_DEFLATE = zlib.compress(BODY, wbits=-15)


async def secret() -> str:
    return '{"token": "t", "header": "X-Api-Key", "scheme": ""}'


def serve(answers: Answers, client: Client, seconds: float = 5.0, host: str = "127.0.0.1") -> RawServer:
    """Let `client` talk to a server that answers so; gives what the server has seen."""

    async def main() -> RawServer:
        async with raw_server(answers) as server:
            url = f"http://{host}:{server.port}/api/v1/update-score"
            crm = CrmHttpClient(url, secret, seconds)
            await crm.read_token()
            async with crm:
                await client(crm)
            return server

    return asyncio.run(main())


def answer_to(answers: Answers, seconds: float = 5.0) -> CrmResponse:
    """The answer to one request."""
    found: list[CrmResponse] = []

    async def client(crm: CrmHttpClient) -> None:
        found.append(await crm.post(b"{}", "k"))

    serve(answers, client, seconds)
    return found[0]


def encoded(coding: str, body: bytes, header: bytes = b"Content-Encoding") -> bytes:
    return OK + b"%b: %b\r\nContent-Length: %d\r\n\r\n%b" % (header, coding.encode(), len(body), body)


def test_the_parser_of_aiohttp_is_the_compiled_one() -> None:
    assert http_parser.HttpResponseParser.__module__ == "aiohttp._http_parser"


def test_a_request_is_sent_byte_for_byte() -> None:
    payload = '{"user_id": "Ü", "engagement_score": "73.25"}'.encode()
    server = serve(replies(GOOD), lambda crm: crm.post(payload, "the-key"))

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
    ("answers", "status"),
    [
        (replies(GOOD), 200),
        (replies(*(GOOD[at : at + 1] for at in range(len(GOOD)))), 200),
        (replies(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n" + GOOD), 200),
        (replies(b"HTTP/1.1 100 Continue\r\n\r\n", GOOD), 200),
        (replies(b"HTTP/1.1 404\r\n" + LENGTH + b"\r\n" + BODY), 404),
        (replies(b"HTTP/1.1 503 D\xe9j\xe0\r\nX-Name: J\xf6rg\r\n" + LENGTH + b"\r\n" + BODY), 503),
        (replies(b"HTTP/1.0 200 OK\r\n" + LENGTH + b"\r\n" + BODY, then="close"), 200),
        (replies(OK + b"X: " + b"x" * 20_000 + b"\r\n" + LENGTH + b"\r\n" + BODY), 200),
        (replies(CHUNKED + CHUNK + b"0\r\n\r\n"), 200),
        (
            replies(CHUNKED, b'1;a="b"\r\n{\r\n', b"%x\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (len(BODY) - 1, BODY[1:])),
            200,
        ),
        (replies(OK + b"\r\n", BODY, then="close"), 200),
        (replies(OK + b"\r\n" + BODY, then="close"), 200),
        (replies(OK + b"Transfer-Encoding: identity\r\n\r\n" + BODY, then="close"), 200),
        *((replies(encoded(name, gzip.compress(BODY))), 200) for name in ("gzip", "GZIP", "x-gzip", "identity, gzip")),
        (replies(encoded("deflate", zlib.compress(BODY))), 200),
        (replies(encoded("deflate", RAW_DEFLATE)), 200),
        (replies(encoded("gzip", gzip.compress(BODY)).replace(b"200", b"422")), 422),
        *((replies(encoded(name, BODY)), 200) for name in ("", "identity", "none", "UTF-8")),
    ],
)
def test_forms_of_a_good_answer(answers: Answers, status: int) -> None:
    answer = answer_to(answers)
    assert (answer.status, answer.body, answer.token_version) == (status, BODY, 0)


@pytest.mark.parametrize("form", [b"204 No Content\r\n", b"200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n"])
def test_an_answer_may_have_no_body(form: bytes) -> None:
    assert answer_to(replies(b"HTTP/1.1 " + form + b"\r\n")).body == b""


def test_a_change_of_protocol_is_an_answer_without_a_body() -> None:
    form = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nnot HTTP"

    async def client(crm: CrmHttpClient) -> None:
        async with asyncio.timeout(2):
            answer = await crm.post(b"{}", "k")
        assert (answer.status, answer.body) == (101, b"")

    serve(replies(form), client)


def test_the_first_of_several_headers_counts() -> None:
    answer = answer_to(replies(b"HTTP/1.1 429 x\r\nRetry-After:  7\r\nretry-after: 9\r\nContent-Length: 0\r\n\r\n"))
    assert (answer.status, answer.headers.get("retry-after")) == (429, "7")


@pytest.mark.parametrize(
    "form",
    [
        encoded("br", BODY),
        encoded("gzip", BODY),
        encoded("gzip", gzip.compress(BODY)[:-3]),
        encoded("gzip", gzip.compress(BODY) * 2),
        encoded("gzip, gzip", gzip.compress(gzip.compress(BODY))),
        encoded("gzip", gzip.compress(b" " * 50_000_000)),
        encoded("deflate", BODY),
        encoded("identity", b" " * (MAX_BODY + 1)),
        OK + b"Transfer-Encoding: br, chunked\r\n\r\n" + CHUNK + b"0\r\n\r\n",
        CHUNKED + b"10000\r\n%b\r\n" % (b" " * 65_536) * 17,
    ],
    ids=lambda form: repr(form[15:60]),
)
@pytest.mark.parametrize("status", [200, 429])
def test_an_unreadable_body_hides_neither_status_nor_headers(form: bytes, status: int) -> None:
    answer = answer_to(replies(form.replace(b"200 OK", b"%d x\r\nRetry-After: 7" % status, 1)))
    assert (answer.status, answer.headers.get("retry-after"), answer.body) == (status, "7", None)


def test_a_body_of_exactly_the_limit_is_read() -> None:
    assert len(answer_to(replies(encoded("gzip", gzip.compress(b" " * MAX_BODY)))).body or b"") == MAX_BODY
    assert len(answer_to(replies(encoded("identity", b" " * MAX_BODY))).body or b"") == MAX_BODY


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (replies(then="close"), "reset"),
        (replies(then="reset"), "reset"),
        (replies(OK + b"Content-Le", then="close"), "reset"),
        (replies(OK + b"Content-Le", then="reset"), "reset"),
        (replies(OK + b"Content-Length: 0\r\n", then="close"), "reset"),
        (replies(GOOD[:-1], then="close"), "reset"),
        (replies(GOOD[:-1], then="reset"), "reset"),
        (replies(CHUNKED + CHUNK[:-5], then="close"), "reset"),
        (replies(CHUNKED + CHUNK, then="close"), "reset"),
        (replies(CHUNKED + CHUNK + b"0\r\n", then="reset"), "reset"),
        (replies(OK + b"\r\n" + BODY, then="reset"), "reset"),
        (replies(OK + b"Transfer-Encoding: chunked, identity\r\n\r\n" + BODY, then="reset"), "reset"),
        (replies(CHUNKED[:-2] + b"Transfer-Encoding: identity\r\n\r\n" + BODY, then="reset"), "reset"),
        (replies(OK + b"Content-Length : 21\r\n\r\n" + BODY), "reset"),
        (replies(), "timeout"),
        (replies(OK), "timeout"),
        (replies(GOOD[:-1]), "timeout"),
        (replies(CHUNKED, b"not hexadecimal\r\n"), "timeout"),
        (replies(CHUNKED, *[b"1\r\n \r\n"] * 60), "timeout"),
        (replies(b"220 smtp.example.com ESMTP\r\n\r\n"), "malformed"),
        (replies(b"HTTP/2 200\r\n\r\n"), "malformed"),
        (replies(b"HTTP/1.1 2000 x\r\n\r\n"), "malformed"),
        (replies(OK + b"no colon\r\n" + LENGTH + b"\r\n" + BODY), "malformed"),
        (replies(OK + b"X Y: space in the name\r\n" + LENGTH + b"\r\n" + BODY), "malformed"),
        (replies(OK + LENGTH + LENGTH + b"\r\n" + BODY), "malformed"),
        (replies(OK + b"Content-Length: -2\r\n\r\n" + BODY), "malformed"),
        (replies(OK + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK + b"0\r\n\r\n"), "malformed"),
        (replies(OK + LENGTH + b"Transfer-Encoding: identity\r\n\r\n" + BODY), "malformed"),
        (replies(OK + b"X: " + b"x" * 70_000 + b"\r\n" + LENGTH + b"\r\n" + BODY), "malformed"),
        (replies(CHUNKED + b"not hexadecimal\r\n"), "malformed"),
    ],
)
def test_what_is_no_answer_may_have_been_applied(answers: Answers, reason: str) -> None:
    with pytest.raises(AmbiguousError, match=rf"^{reason}$"):
        answer_to(answers, seconds=1.0)


@pytest.mark.parametrize("then", ["close", "reset", "hang"])
@pytest.mark.parametrize("form", [GOOD[:-1], CHUNKED + CHUNK, OK + b"\r\n" + BODY])
def test_a_refusal_counts_once_its_head_is_complete(form: bytes, then: str) -> None:
    answer = answer_to(replies(form.replace(b"200", b"429").replace(b"OK", b"x\r\nRetry-After: 7"), then=then), 0.5)
    assert (answer.status, answer.headers.get("retry-after")) == (429, "7")


async def three(crm: CrmHttpClient) -> None:
    for _ in range(3):
        assert (await crm.post(b"{}", "k")).body == BODY
        await asyncio.sleep(0.05)  # whatever else the server sends or does has come by now


@pytest.mark.parametrize(
    ("answers", "connections"),
    [
        (replies(GOOD), 1),
        (replies(GOOD, then="close"), 3),
        (replies(GOOD, then="reset"), 3),
        (replies(GOOD.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")), 3),
        (replies(GOOD + GOOD.replace(b"updated", b"no news")), 3),
        (replies(GOOD, GOOD.replace(b"updated", b"no news")), 3),
        (replies(GOOD, b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"), 3),
    ],
)
def test_a_connection_serves_again_only_when_that_is_safe(answers: Answers, connections: int) -> None:
    server = serve(answers, three)
    assert (server.connections, len(server.requests)) == (connections, 3)


def test_a_connection_that_was_idle_for_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "_IDLE_SECONDS", 0.01)
    assert serve(replies(GOOD), three).connections == 3


def test_a_connection_of_an_overlong_body_is_not_used() -> None:
    async def client(crm: CrmHttpClient) -> None:
        for _ in range(2):
            assert (await crm.post(b"{}", "k")).body is None

    assert serve(replies(encoded("identity", b" " * 2 * MAX_BODY)), client).connections == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("then", ["close", "reset"])
def test_no_method_is_sent_again_by_itself(method: str, then: str) -> None:
    async def once(call: Call) -> None:
        await replies(*[GOOD] if call.number == 1 else [], then="hang" if call.number == 1 else then)(call)

    async def client(crm: CrmHttpClient) -> None:
        await crm.request(method, b"{}", "k1")
        with pytest.raises(AmbiguousError, match="reset"):
            await crm.request(method, b"{}", "k2")

    server = serve(once, client)
    assert server.connections == 1
    assert [request.split(b" ")[0].decode() for request in server.requests] == [method, method]


def test_more_than_a_hundred_requests_may_be_in_flight() -> None:
    async def client(crm: CrmHttpClient) -> None:
        for _ in range(2):
            await asyncio.gather(*(crm.post(b"{}", "k") for _ in range(150)))

    server = serve(replies(GOOD), client)
    assert (server.connections, len(server.requests)) == (150, 300)


def test_cookies_do_not_go_out_with_the_next_request() -> None:
    cookie = GOOD.replace(b"OK\r\n", b"OK\r\nSet-Cookie: session=of-one-user; Path=/\r\n")
    server = serve(replies(cookie), three, host="localhost")  # aiohttp keeps no cookies of an address
    assert not any(b"cookie" in request.lower() for request in server.requests)


@pytest.mark.parametrize("status", [301, 303, 307])
def test_a_redirect_is_an_answer(status: int) -> None:
    form = b"HTTP/1.1 %d x\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n" % status

    async def client(crm: CrmHttpClient) -> None:
        assert (await crm.post(b"{}", "k")).status == status

    assert len(serve(replies(form), client).requests) == 1


def test_the_environment_names_no_proxy_and_no_password(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login jane password doe\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server = serve(replies(GOOD), three)
    assert b"authorization" not in server.requests[0].lower()


def test_a_request_that_is_given_up_leaves_no_connection_behind() -> None:
    async def half(call: Call) -> None:
        await call.write(GOOD[:-1] if call.connection == 1 else GOOD)

    async def client(crm: CrmHttpClient) -> None:
        given_up = asyncio.create_task(crm.post(b"{}", "k"))
        await asyncio.sleep(0.1)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        assert (await crm.post(b"{}", "k")).body == BODY

    assert serve(half, client).connections == 2


def test_another_token_goes_out_with_the_next_request() -> None:
    tokens = ["old", "old", "new"]

    async def read() -> str:
        return tokens.pop(0)

    async def client(crm: CrmHttpClient) -> None:
        crm._read_secret = read
        await crm.read_token()
        assert not await crm.refresh()
        assert (await crm.post(b"{}", "k")).token_version == 0
        assert await crm.refresh()
        assert (await crm.post(b"{}", "k")).token_version == 1

    last = serve(replies(GOOD), client).requests[-1]
    assert last.count(b"Authorization") == last.count(b"Authorization: Bearer new\r\n") == 1


@pytest.mark.parametrize(
    "text", ["", "two\nlines", '{"token": ""}', '{"token": "t", "header": null}', '{"header": "X"}']
)
def test_a_secret_that_is_no_token_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(SecretError, match="CRM secret") as refusal:
        Credential.from_secret(text)
    assert "lines" not in str(refusal.value)


def test_a_secret_may_name_its_header() -> None:
    credential = Credential.from_secret('{"token": "t", "header": "X-Api-Key", "scheme": ""}')
    assert (credential.header, credential.value()) == ("X-Api-Key", "t")
    assert Credential.from_secret(" t\n").value() == "Bearer t"
    assert "X-Api-Key" not in repr(credential)
