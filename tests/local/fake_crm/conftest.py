"""Each test has its own fake CRM on a loopback port, in a thread of the test process."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests

from local.fake_crm.server import serving
from local.fake_crm.service import FakeCrm, Options
from tests.local.fake_crm.client import TOKEN, Client, Start


@contextmanager
def _running(options: Options, tls: ssl.SSLContext | None) -> Iterator[str]:
    ready = threading.Event()
    urls: list[str] = []
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        async with serving(FakeCrm(options), tls=tls) as url:
            stop = asyncio.Event()
            loops.append((asyncio.get_running_loop(), stop))
            urls.append(url)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=[run()])
    thread.start()
    assert ready.wait(10)
    try:
        yield urls[0]
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def start_one(tls: ssl.SSLContext | None = None, **options: Any) -> Client:
            url = stack.enter_context(_running(Options(token=TOKEN, **options), tls))
            return Client(url, stack.enter_context(requests.Session()))

        yield start_one


@pytest.fixture
def crm(start: Start) -> Client:
    return start()
