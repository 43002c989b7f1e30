"""The "Engagement delivery" dashboard in Airflow. The pipeline works without it.

Every Airflow process imports this file, including workers, so it imports only the plugin's base class. The API server
imports the dashboard itself at the first request.
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


class LazyDashboard:
    """ASGI application that builds the dashboard at its first request.

    Airflow mounts any callable and runs no lifespan events of mounted applications. If the dashboard cannot be built,
    including its permission check, every request gets a 503 response without data.
    """

    def __init__(self) -> None:
        self._app: Any = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        app = self._app
        if app is None:
            try:
                # In a thread: the imports take a second and would block other requests to the API server.
                app = await asyncio.to_thread(self._build)
            except Exception:
                log.exception("Could not build the dashboard /%s", PREFIX)
                await _respond_unavailable(scope, send)
                return
        await app(scope, receive, send)

    def _build(self) -> Any:
        with self._lock:
            if self._app is None:
                from engagement.ui.app import create_app

                self._app = create_app()
            return self._app


async def _respond_unavailable(scope: Scope, send: Send) -> None:
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1011})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    body = b"The dashboard cannot be shown. The log of Airflow's API server has the reason."
    await send({"type": "http.response.body", "body": body})


class EngagementPlugin(AirflowPlugin):
    """Registers the dashboard and its entry in Airflow's navigation."""

    name = "engagement"
    fastapi_apps = [{"name": "engagement", "url_prefix": f"/{PREFIX}", "app": LazyDashboard()}]  # noqa: RUF012
    # The link is relative because Airflow may run below a path. It is in the navigation because a tab on the DAG's
    # page would appear on the pages of all DAGs.
    external_views = [  # noqa: RUF012
        {"name": "Engagement delivery", "href": f"{PREFIX}/", "destination": "nav", "url_route": PREFIX}
    ]
