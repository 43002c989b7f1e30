"""Error responses without data: a page for browsers, JSON for programs."""

from __future__ import annotations

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from engagement.contract.errors import DashboardUnavailableError
from engagement.ui import pages

log = logging.getLogger(__name__)

# Title, what is expected, next step.
_TEXTS = {
    401: ("You are not logged in", "A login to Airflow.", "Log in to Airflow, then open this page again."),
    403: (
        "You have no access to this page",
        "The permission to read the DAG customer_engagement_scoring.",
        "Request the permission from the administrator of Airflow.",
    ),
    404: (
        "This page does not exist",
        "The address of a listed run.",
        "Go back to the list of runs. The report may have expired.",
    ),
}
_OTHER_STATUS = (
    "The page cannot be shown",
    "A response without an error.",
    "Read the log of Airflow's API server.",
)


def install(app: FastAPI) -> None:
    """Register the handlers for HTTP errors, unavailable data and all other exceptions."""

    @app.exception_handler(HTTPException)
    def http_error(request: Request, error: HTTPException) -> Response:
        return _respond_to_status(request, error.status_code)

    @app.exception_handler(DashboardUnavailableError)
    def unavailable(request: Request, error: DashboardUnavailableError) -> Response:
        log.warning("The dashboard has no data to show: %s", error)
        return _respond(request, 503, "The runs cannot be read", error.problem, error.expected, error.advice)

    @app.exception_handler(Exception)
    def unexpected(request: Request, _: Exception) -> Response:
        # Starlette raises the exception again after the response, so that the server logs it with its traceback.
        return _respond_to_status(request, 500)


def _respond_to_status(request: Request, status: int) -> Response:
    title, expected, advice = _TEXTS.get(status, _OTHER_STATUS)
    return _respond(request, status, title, f"{status} {HTTPStatus(status).phrase}", expected, advice)


def _respond(request: Request, status: int, title: str, problem: str, expected: str, advice: str) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": title, "problem": problem, "expected": expected, "next": advice}, status)
    page = pages.error(title, problem, expected, advice)
    return HTMLResponse(page.html, status, headers={"Content-Security-Policy": page.policy})
