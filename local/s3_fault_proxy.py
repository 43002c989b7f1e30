"""A proxy in front of the S3 emulator that forwards every request unchanged until a fault is switched on.

Run with `python -m local.s3_fault_proxy --upstream http://127.0.0.1:PORT [--port N]`. When it is ready, it prints one
JSON line, {"url": ...}.

PUT /_fault     Switch a fault on: {"method": "PUT", "key": "ledger/.*[.]jsonl$", "status": 503, "latency_ms": 200,
                "after": 10, "first": 3}. `key` is a regular expression, searched in the decoded path /bucket/key.
DELETE /_fault  Switch it off.

The fault applies to requests that match `method` and `key`; without these, to every request. It skips the first `after`
matching requests, then applies to the next `first`. Such a request waits `latency_ms`. Then the proxy answers it with
`status`, or forwards it if there is no `status`.
"""

import argparse
import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

CONTROL = "/_fault"
_SHUTDOWN_SECONDS = 2.0
_CODES = {403: "AccessDenied", 503: "SlowDown"}
# Headers of one connection only. The proxy itself answers "Expect: 100-continue".
_HOP_BY_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "expect"))
_AUTO_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Fault:
    """What happens to which requests; the module's docstring explains the members."""

    method: str | None = None
    key: str | None = None
    status: int | None = None
    latency_ms: float = 0
    after: int = 0
    first: int | None = None


class S3FaultProxy:
    """The proxy, its fault, and the number of requests that matched the fault."""

    def __init__(self, upstream: str, session: aiohttp.ClientSession) -> None:
        self._upstream = upstream.rstrip("/")
        self._session = session
        self._switch(None)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request to switch the fault, inject the fault, or forward the request to S3."""
        path = unquote(request.raw_path.partition("?")[0])
        body = await request.read()  # in full, even if it is refused, so that the connection stays usable
        if path == CONTROL:
            return self._control(request.method, body)
        fault = self._pick(request.method, path)
        if fault is not None:
            await asyncio.sleep(fault.latency_ms / 1000)
            if fault.status is not None:
                return _error(fault.status, "Fault injected by local.s3_fault_proxy.")
        return await self._forward(request, body)

    async def _forward(self, request: web.Request, body: bytes) -> web.StreamResponse:
        url = URL(self._upstream + request.raw_path, encoded=True)
        headers = _forwarded(request.raw_headers)
        try:
            upstream = await self._session.request(
                request.method,
                url,
                headers=headers,
                data=body or None,
                skip_auto_headers=_AUTO_HEADERS,
                allow_redirects=False,
            )
        except aiohttp.ClientError as error:
            return _error(502, f"No response from S3 at {self._upstream}: {type(error).__name__}.")
        async with upstream:
            headers = _forwarded(upstream.raw_headers)
            response = web.StreamResponse(status=upstream.status, reason=upstream.reason, headers=headers)
            await response.prepare(request)
            async for chunk in upstream.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
        return response

    def _pick(self, method: str, path: str) -> S3Fault | None:
        fault = self._fault
        if fault is None or (fault.method or method).upper() != method or not re.search(fault.key or "", path):
            return None
        self._matched += 1
        position = self._matched - fault.after
        if position < 1 or (fault.first is not None and position > fault.first):
            return None
        return fault

    def _control(self, method: str, body: bytes) -> web.Response:
        try:
            self._switch(S3Fault(**json.loads(body)) if method == "PUT" else None)
        except (TypeError, ValueError) as error:
            return web.json_response({"error": f"s3_fault_proxy: {error}"}, status=400)
        return web.json_response({})

    def _switch(self, fault: S3Fault | None) -> None:
        self._fault = fault
        self._matched = 0


def _forwarded(raw_headers: Iterable[tuple[bytes, bytes]]) -> CIMultiDict[str]:
    # `headers` would normalize the case of the names.
    pairs = ((name.decode(), value.decode(errors="surrogateescape")) for name, value in raw_headers)
    return CIMultiDict((name, value) for name, value in pairs if name.lower() not in _HOP_BY_HOP)


def _error(status: int, message: str) -> web.Response:
    code = _CODES.get(status, "InternalError")
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return web.Response(status=status, text=text, content_type="application/xml")


@asynccontextmanager
async def serving(upstream: str, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve until the block ends, and yield the base URL; port 0 takes a free port."""
    async with aiohttp.ClientSession(
        auto_decompress=False,
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        app = web.Application(client_max_size=0)  # unlimited
        app.router.add_route("*", "/{path:.*}", S3FaultProxy(upstream, session).handle)
        runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            yield f"http://{host}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def _serve(upstream: str, host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(upstream, host, port) as url:
        print(json.dumps({"url": url}), flush=True)
        await stop.wait()


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.s3_fault_proxy", description="S3 with faults on demand.")
    parser.add_argument(
        "--upstream", required=True, metavar="URL", help="URL of the S3 emulator, http://127.0.0.1:PORT"
    )
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free port")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: loopback only)")
    arguments = parser.parse_args()
    if URL(arguments.upstream).scheme != "http" or not URL(arguments.upstream).host:
        parser.error(f"--upstream: expected http://HOST:PORT, got {arguments.upstream!r}")
    try:
        asyncio.run(_serve(arguments.upstream, arguments.host, arguments.port))
    except OSError as error:
        print(f"local.s3_fault_proxy: cannot listen on {arguments.host}:{arguments.port}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
