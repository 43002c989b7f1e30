"""The page "Engagement delivery" in Airflow. The pipeline works without it, and so does Airflow.

Every Airflow process runs this file, workers too, so it imports nothing but the plugin's base class. The page is
imported in the API server when it is first asked for.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "engagement"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger(__name__)


class Dashboard:
    """ASGI application that builds the real one at its first request.

    Airflow mounts whatever is callable, and runs no lifespan of what it mounts. While the real application cannot
    be built, its login check included, every request is answered with 503 and no data.
    """

    def __init__(self) -> None:
        self._app: Any = None
        self._building = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        app = self._app
        if app is None:
            try:
                # In a thread, for imports take a second in which the API server has other requests to answer.
                app = await asyncio.to_thread(self._build)
            except Exception:
                log.exception("The page %r cannot be shown", PREFIX)
                await _unavailable(scope, send)
                return
        await app(scope, receive, send)

    def _build(self) -> Any:
        with self._building:
            if self._app is None:
                from engagement.ui.app import build

                self._app = build()
            return self._app


async def _unavailable(scope: Scope, send: Send) -> None:
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1011})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    body = b"The page cannot be shown; the log of Airflow's API server says why."
    await send({"type": "http.response.body", "body": body})


class EngagementPlugin(AirflowPlugin):
    """The application, and its place in Airflow's navigation."""

    name = "engagement"
    fastapi_apps = [{"name": "engagement", "url_prefix": f"/{PREFIX}", "app": Dashboard()}]  # noqa: RUF012
    # The address is relative, for Airflow may live below a path of its own. Not on the DAG's page: a tab there
    # would be on every DAG's page.
    external_views = [  # noqa: RUF012
        {"name": "Engagement delivery", "href": f"{PREFIX}/", "destination": "nav", "url_route": PREFIX}
    ]
