"""Answers without data: what a person sees in the browser, and what a program gets as JSON."""

from __future__ import annotations

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from engagement.contract.errors import UnavailableError
from engagement.ui import pages

log = logging.getLogger(__name__)

_ADVICE = {
    401: ("You are not logged in", "A login to Airflow.", "Log in to Airflow, then open this page again."),
    403: (
        "You may not see this page",
        "The permission to read the DAG customer_engagement_scoring.",
        "Ask whoever manages Airflow's roles for it.",
    ),
    404: (
        "There is nothing here",
        "A run that is listed.",
        "Go back to the list of runs; its report may have expired.",
    ),
}
_OTHERWISE = (
    "The page cannot be shown",
    "An answer of the API server.",
    "Look into the log of Airflow's API server, which says why.",
)


def install(app: FastAPI) -> None:
    """Let `app` answer HTTP errors, missing data and any other exception."""

    @app.exception_handler(HTTPException)
    def http_error(request: Request, error: HTTPException) -> Response:
        return _plain(request, error.status_code)

    @app.exception_handler(UnavailableError)
    def unavailable(request: Request, error: UnavailableError) -> Response:
        log.warning("The page of the engagement runs has no data: %s", error)
        return _answer(request, 503, "The runs cannot be read", error.found, error.wanted, error.advice)

    @app.exception_handler(Exception)
    def unexpected(request: Request, _: Exception) -> Response:
        # Starlette raises it on once this is sent, so that the server logs it with its traceback.
        return _plain(request, 500)


def _plain(request: Request, status: int) -> Response:
    title, wanted, advice = _ADVICE.get(status, _OTHERWISE)
    return _answer(request, status, title, f"{status} {HTTPStatus(status).phrase}", wanted, advice)


def _answer(request: Request, status: int, title: str, found: str, wanted: str, advice: str) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": title, "found": found, "wanted": wanted, "next": advice}, status)
    page = pages.message(title, found, wanted, advice)
    return HTMLResponse(page.html, status, headers={"Content-Security-Policy": page.policy})
