"""Routes of the dashboard, all behind Airflow's login and the permission to read the DAG.

The permission check belongs to the application, not to single routes, and the last route matches all other paths:
unknown paths require a login too. An error in the check becomes a response without data.
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
from engagement.contract.errors import ConfigError, DashboardUnavailableError, OutputBucketError, SettingsError
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


def create_app(connect: Connect | None = None, now: Clock = datetime.now) -> SecurityHeaders:
    """Return the application.

    :param connect: opens the output bucket for one request; by default the bucket from the Airflow Variable
    :param now: returns the current time in a timezone
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
    _add_run_list(app, connect, now)
    _add_one_run(app, connect)

    @app.api_route("/{path:path}", methods=METHODS)
    def not_found() -> Response:
        raise HTTPException(404)

    return SecurityHeaders(app)


# Routes are plain functions, which FastAPI runs in threads: they wait for S3 and must not block the event loop.


def _add_run_list(app: FastAPI, connect: Connect, now: Clock) -> None:
    reader = RunReader()

    @app.get("/")
    def run_list(days: str = "") -> Response:
        window = next((n for n in pages.WINDOWS if str(n) == days), pages.DEFAULT_WINDOW)
        timezone = _timezone()
        today = now(ZoneInfo(timezone)).date()
        first_day = today - timedelta(days=window - 1)
        name, recent = _read(connect, lambda bucket: (bucket.name, reader.recent(bucket, first_day)))
        return _html(pages.run_list(recent, days=window, today=today, bucket=name, timezone=timezone))


def _add_one_run(app: FastAPI, connect: Connect) -> None:
    @app.get("/runs/{folder}/{run}")
    def framed_report(folder: str, run: str) -> Response:
        return _html(pages.framed_report(_location(folder, run)))

    @app.get("/runs/{folder}/{run}/report")
    def report(folder: str, run: str) -> Response:
        body = _object(connect, _location(folder, run).report_key)
        return HTMLResponse(body, headers={"Content-Security-Policy": pages.REPORT_POLICY})

    @app.get("/runs/{folder}/{run}/summary")
    def summary(folder: str, run: str) -> Response:
        return Response(_object(connect, _location(folder, run).summary_key), media_type="application/json")


def _html(page: Page) -> Response:
    return HTMLResponse(page.html, headers={"Content-Security-Policy": page.policy})


def _location(folder: str, run: str) -> RunLocation:
    location = run_keys.from_url(folder, run)
    if location is None:
        raise HTTPException(404)
    return location


def _object(connect: Connect, key: str) -> bytes:
    body = _read(connect, lambda bucket: bucket.read(key))
    if body is None:
        raise HTTPException(404)
    return body


def _read(connect: Connect, read: Callable[[Bucket], T]) -> T:
    """Read from the output bucket.

    :raises DashboardUnavailableError: the settings or the bucket cannot be read
    """
    try:
        with connect() as bucket:
            return read(bucket)
    except ConfigError as error:
        raise _invalid_configuration(error) from error
    except SettingsError as error:
        raise DashboardUnavailableError(
            str(error),
            "The Airflow Variable that the tasks of the DAG read too.",
            "Edit the Variable, then reload this page. If the tasks can read it, check that the web server can: "
            "a secrets backend requires a permission for that.",
        ) from error
    except OutputBucketError as error:
        raise DashboardUnavailableError(
            str(error),
            "The role of the connection in [engagement] aws_conn_id has s3:ListBucket and s3:GetObject on the output "
            "bucket, and the network reaches S3.",
            "Check that the Variable names the right bucket, then check that the connection exists and its role.",
        ) from error


def _timezone() -> str:
    try:
        return DagConfig.read().timezone
    except ConfigError as error:
        raise _invalid_configuration(error) from error


def _invalid_configuration(error: ConfigError) -> DashboardUnavailableError:
    return DashboardUnavailableError(
        str(error), "A valid section [engagement].", "Correct Airflow's configuration, then reload this page."
    )
