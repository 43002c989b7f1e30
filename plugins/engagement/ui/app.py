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

from engagement.aws.s3 import Bucket
from engagement.config.dag_config import DagConfig
from engagement.contract.errors import ConfigError, SettingsError, StoreError, UnavailableError
from engagement.ui import error_pages, pages, run_keys
from engagement.ui.output_bucket import OutputBucket
from engagement.ui.pages import Page
from engagement.ui.run_keys import RunLocation
from engagement.ui.run_list import RunReader
from engagement.ui.security_headers import SecurityHeaders

DAG_ID = "customer_engagement_scoring"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

T = TypeVar("T")
Connect = Callable[[], AbstractContextManager[Bucket]]
Clock = Callable[[tzinfo], datetime]


def build(connect: Connect | None = None, now: Clock = datetime.now) -> SecurityHeaders:
    """Make the application.

    :param connect: opens the output bucket, at each request; by default the one that the Variable names
    :param now: gives the time in a timezone, asked at each request
    """
    connect = connect or OutputBucket()
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

    return SecurityHeaders(app)


# Routes are plain functions, which FastAPI runs in threads: they wait for S3, and the event loop must not.


def _add_runs(app: FastAPI, connect: Connect, now: Clock) -> None:
    runs = RunReader()

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


def _place(folder: str, run: str) -> RunLocation:
    location = run_keys.from_url(folder, run)
    if location is None:
        raise HTTPException(404)
    return location


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
