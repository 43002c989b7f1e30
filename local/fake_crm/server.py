"""The HTTP server: one process and one event loop. For speed, it has no router and no access log."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from local.fake_crm.access import oauth
from local.fake_crm.access.token_endpoint import issue_token
from local.fake_crm.apis.lookup import find_api
from local.fake_crm.inspection import PREFIX, inspect
from local.fake_crm.responses import not_found
from local.fake_crm.service import FakeCrm
from local.fake_crm.update_endpoint import update_score

_SHUTDOWN_SECONDS = 2.0
_BACKLOG = 1024


class _CountingServer(web.Server):
    """aiohttp's low-level server, extended to count connections."""

    def __init__(self, crm: FakeCrm) -> None:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            found = find_api(request)
            if found is not None:
                return await update_score(crm, request, *found)
            if request.path == oauth.PATH:
                return await issue_token(crm, request)
            if request.path.startswith(PREFIX):
                return await inspect(crm, request)
            return not_found(request.path).to_aiohttp()

        super().__init__(handle, access_log=None)
        self._traffic = crm.traffic

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._traffic.connect()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self._traffic.disconnect()


@asynccontextmanager
async def serving(
    crm: FakeCrm, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve until the block ends, and yield the base URL; port 0 takes a free port."""
    runner = web.ServerRunner(_CountingServer(crm), shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls, backlog=_BACKLOG).start()
        yield f"{'https' if tls else 'http'}://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
        crm.request_log.close()
