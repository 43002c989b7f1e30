"""The page's routes, every one behind Airflow's own login and its permission to read the DAG.

The check belongs to the application, not to single routes, and a route for everything else stands last: paths that
do not exist are asked for a login too. Whatever goes wrong in the check is an error without data.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, tzinfo
from typing import TypeVar
from zoneinfo import ZoneInfo

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engagement.aws.s3 import Bucket
from engagement.config.dag_config import DagConfig
from engagement.contract.errors import ConfigError, SettingsError, StoreError, UnavailableError
from engagement.ui import error_pages, pages, run_keys
from engagement.ui.output_bucket import Output
from engagement.ui.pages import Page
from engagement.ui.run_keys import Place
from engagement.ui.run_list import Runs

DAG_ID = "customer_engagement_scoring"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer: it is not kept, only Airflow may frame it, and it may do nothing that it does not name."""

T = TypeVar("T")
Connect = Callable[[], AbstractContextManager[Bucket]]
Clock = Callable[[tzinfo], datetime]


def build(connect: Connect | None = None, now: Clock = datetime.now) -> SafeHeaders:
    """Make the application.

    :param connect: opens the output bucket, at each request; by default the one that the Variable names
    :param now: gives the time in a timezone, asked at each request
    """
    connect = connect or Output()
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(requires_access_dag("GET", param_dag_id=DAG_ID))],
    )
    error_pages.install(app)
    _add_runs(app, connect, now)
    _add_one_run(app, connect)

    @app.api_route("/{path:path}", methods=METHODS)
    def nothing() -> Response:
        raise HTTPException(404)

    return SafeHeaders(app)


# Routes are plain functions, which FastAPI runs in threads: they wait for S3, and the event loop must not.


def _add_runs(app: FastAPI, connect: Connect, now: Clock) -> None:
    runs = Runs()

    @app.get("/")
    def page(days: str = "") -> Response:
        window = next((n for n in pages.WINDOWS if str(n) == days), pages.DEFAULT_WINDOW)
        timezone = _timezone()
        today = now(ZoneInfo(timezone)).date()
        first_day = today - timedelta(days=window - 1)
        name, recent = _ask(connect, lambda bucket: (bucket.name, runs.recent(bucket, first_day)))
        return _html(pages.runs(recent, days=window, today=today, bucket=name, timezone=timezone))


def _add_one_run(app: FastAPI, connect: Connect) -> None:
    @app.get("/runs/{folder}/{run}")
    def framed(folder: str, run: str) -> Response:
        return _html(pages.one_report(_place(folder, run)))

    @app.get("/runs/{folder}/{run}/report")
    def report(folder: str, run: str) -> Response:
        body = _object(connect, _place(folder, run).report_key)
        return HTMLResponse(body, headers={"Content-Security-Policy": pages.REPORT_POLICY})

    @app.get("/runs/{folder}/{run}/summary")
    def summary(folder: str, run: str) -> Response:
        return Response(_object(connect, _place(folder, run).summary_key), media_type="application/json")


def _html(page: Page) -> Response:
    return HTMLResponse(page.html, headers={"Content-Security-Policy": page.policy})


def _place(folder: str, run: str) -> Place:
    place = run_keys.of_address(folder, run)
    if place is None:
        raise HTTPException(404)
    return place


def _object(connect: Connect, key: str) -> bytes:
    body = _ask(connect, lambda bucket: bucket.read(key))
    if body is None:
        raise HTTPException(404)
    return body


def _ask(connect: Connect, question: Callable[[Bucket], T]) -> T:
    try:
        with connect() as bucket:
            return question(bucket)
    except SettingsError as error:
        raise UnavailableError(
            str(error),
            "The settings that the DAG's tasks read too.",
            "Edit the Variable, then load this page again. If the tasks read it well, see that the web server may, "
            "too: where a secrets backend holds it, that needs a permission.",
        ) from error
    except StoreError as error:
        raise UnavailableError(
            str(error),
            "s3:ListBucket and s3:GetObject on the output bucket for Airflow's own role, and a way to S3.",
            "See that the Variable names the right bucket, and what the role of the environment may do.",
        ) from error


def _timezone() -> str:
    try:
        return DagConfig.read().timezone
    except ConfigError as error:
        raise UnavailableError(
            str(error), "A section [engagement] that the DAG can be parsed with.", "Mend Airflow's configuration."
        ) from error


class SafeHeaders:
    """ASGI application that adds `HEADERS` to whatever `app` answers, unless the answer has its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_safely)
