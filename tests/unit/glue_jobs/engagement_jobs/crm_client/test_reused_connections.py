"""Servers that close idle connections without notice, and requests that meet such a connection."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable

import pytest

from engagement_jobs.contract.errors import AmbiguousError, ReusedConnectionError
from engagement_jobs.crm_client.http_client import CrmHttpClient
from tests.support.crm_requests import request_of, template_for
from tests.support.raw_http import BODY, GOOD, RawServer, ReceivedRequest, Responder, raw_server, respond

Requests = Callable[[CrmHttpClient], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n"


async def secret() -> str:
    return "t"


def serve(responder: Responder, requests: Requests, seconds: float = 5.0) -> RawServer:
    """Send requests to a raw server and return the server."""

    async def main() -> RawServer:
        async with raw_server(responder) as server:
            client = CrmHttpClient(template_for(f"http://127.0.0.1:{server.port}/"), secret, seconds)
            await client.read_token()
            async with client:
                await requests(client)
            return server

    return asyncio.run(main())


def second(*parts: bytes, then: str) -> Responder:
    """Respond well to the first request on a connection, and with these bytes to the second."""

    async def responder(request: ReceivedRequest) -> None:
        await (respond(GOOD) if request.number == 1 else respond(*parts, then=then))(request)

    return responder


def send_two(error: type[Exception] | None) -> Requests:
    async def send(client: CrmHttpClient) -> None:
        await client.send(request_of(client, "k1"))
        if error is None:
            assert (await client.send(request_of(client, "k2"))).status == 503
            return
        with pytest.raises(AmbiguousError) as caught:
            await client.send(request_of(client, "k2"))
        assert caught.type is error

    return send


@pytest.mark.parametrize("then", ["close", "reset"])
def test_reused_connection_that_ends_has_its_own_error(then: str) -> None:
    server = serve(second(then=then), send_two(ReusedConnectionError))
    assert (server.connections, len(server.requests)) == (1, 2)


@pytest.mark.parametrize(
    ("parts", "then"),
    [
        ((HEAD,), "close"),
        ((HEAD, BODY[:-1]), "reset"),
        ((HEAD[:-4],), "close"),
        ((b"220 smtp.example.com ESMTP\r\n\r\n",), "close"),
        ((), "hang"),
    ],
)
def test_connection_that_ends_after_a_status_is_ambiguous(parts: tuple[bytes, ...], then: str) -> None:
    serve(second(*parts, then=then), send_two(AmbiguousError), seconds=1.0)


def test_status_before_the_end_of_a_reused_connection_counts() -> None:
    serve(second(b"HTTP/1.1 503 x\r\nContent-Length: 9\r\n\r\n", then="reset"), send_two(None))


@pytest.mark.parametrize("then", ["close", "reset"])
def test_new_connection_that_ends_is_ambiguous(then: str) -> None:
    async def send(client: CrmHttpClient) -> None:
        for fresh in (False, True):
            with pytest.raises(AmbiguousError) as caught:
                await client.send(request_of(client), fresh_connection=fresh)
            assert caught.type is AmbiguousError

    serve(respond(then=then), send)


def test_fresh_connection_carries_one_request() -> None:
    async def send(client: CrmHttpClient) -> None:
        for fresh in (False, True, True, False):
            await client.send(request_of(client), fresh_connection=fresh)

    assert serve(respond(GOOD), send).connections == 3


def test_connections_are_no_longer_reused_on_demand() -> None:
    async def send(client: CrmHttpClient) -> None:
        await client.send(request_of(client))
        client.stop_reusing_connections()
        for _ in range(3):
            await client.send(request_of(client))

    assert serve(respond(GOOD), send).connections == 4


def closing_after(milliseconds: float) -> Responder:
    """Answer at once and close the connection so many milliseconds later, whatever arrives until then."""

    async def responder(request: ReceivedRequest) -> None:
        if request.number > 1:
            await asyncio.sleep(60)
        request.write_now(GOOD)
        asyncio.get_running_loop().call_later(milliseconds / 1000, request.close_now)

    return responder


async def send_at_200_per_second(client: CrmHttpClient, failures: list[str]) -> None:
    async def one(number: int) -> None:
        await asyncio.sleep(number / 200)
        key = f"k{number}"
        try:
            response = await client.send(request_of(client, key))
        except ReusedConnectionError:
            failures.append(key)
            response = await client.send(request_of(client, key), fresh_connection=True)
        assert (response.status, response.body) == (200, BODY)

    await asyncio.gather(*map(one, range(200)))


@pytest.mark.parametrize(("milliseconds", "min_failures"), [(1, 0), (5, 1), (8, 1)])
def test_requests_survive_unannounced_closings(milliseconds: float, min_failures: int) -> None:
    failures: list[str] = []
    server = serve(closing_after(milliseconds), functools.partial(send_at_200_per_second, failures=failures))
    keys = [request.partition(b"Idempotency-Key: ")[2].split(b"\r\n")[0].decode() for request in server.requests]
    assert set(keys) == {f"k{number}" for number in range(200)}
    assert all(keys.count(key) <= 1 + (key in failures) for key in keys)
    assert len(failures) >= min_failures
