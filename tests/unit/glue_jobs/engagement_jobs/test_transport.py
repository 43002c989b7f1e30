"""One request over HTTP: what is read of its answer, and what of it counts as never sent."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from engagement_jobs.connections import AmbiguousError, UnsentError
from engagement_jobs.transport import Answer, HttpTransport

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


async def post(handler: Handler, seconds: float = 5.0) -> Answer:
    runner = web.ServerRunner(web.Server(handler, access_log=None))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return await ask(f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1/update-score", seconds)
    finally:
        await runner.cleanup()


async def ask(url: str, seconds: float = 5.0) -> Answer:
    async def secret() -> str:
        return '{"token": "t", "header": "X-Api-Key", "scheme": ""}'

    transport = HttpTransport(url, secret, seconds)
    await transport.read_token()
    async with transport:
        return await transport.post(b"{}", "the-key")


def test_a_request_carries_what_the_contract_says() -> None:
    seen: dict[str, str] = {}

    async def handler(request: web.BaseRequest) -> web.Response:
        seen.update(request.headers)
        return web.json_response({"status": "updated"})

    answer = asyncio.run(post(handler))
    assert (answer.status, answer.body, answer.token_version) == (200, b'{"status": "updated"}', 0)
    assert seen["X-Api-Key"] == "t"
    assert seen["Idempotency-Key"] == "the-key"
    assert seen["Content-Type"] == "application/json"
    assert "Authorization" not in seen
    assert seen["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("compressed", [True, False])
def test_of_a_long_answer_only_the_start_is_read(compressed: bool) -> None:
    plain = b" " * 50_000_000
    body = gzip.compress(plain) if compressed else plain
    headers = {"Content-Encoding": "gzip"} if compressed else {}

    async def handler(request: web.BaseRequest) -> web.Response:  # noqa: ARG001 - as a server calls it
        return web.Response(body=body, headers=headers)

    answer = asyncio.run(post(handler))
    assert 65_536 <= len(answer.body) < 5_000_000


def test_an_answer_that_never_ends_is_given_up_and_in_doubt() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)

    with pytest.raises(AmbiguousError, match="timeout"):
        asyncio.run(post(handler, seconds=0.5))


def test_where_nobody_listens_nothing_was_sent() -> None:
    with pytest.raises(UnsentError, match="connect"):
        asyncio.run(ask("http://127.0.0.1:9/"))
    with pytest.raises(UnsentError, match="tls"):
        asyncio.run(ask_tls())


async def ask_tls() -> Answer:
    async def handler(request: web.BaseRequest) -> web.Response:  # noqa: ARG001 - never reached
        return web.Response()

    runner = web.ServerRunner(web.Server(handler, access_log=None))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return await ask(f"https://127.0.0.1:{runner.addresses[0][1]}/")
    finally:
        await runner.cleanup()
