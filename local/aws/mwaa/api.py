"""MWAA's own API in front of moto, which has none: GetEnvironment, ListEnvironments, InvokeRestApi.

Requests are known by the service they are signed for, `airflow`. MWAA's clients put `api.` or `env.` before the host,
which AWS_DISABLE_HOST_PREFIX_INJECTION (or `inject_host_prefix=False` in a client's Config) turns off.
"""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import requests
from moto.core.models import DEFAULT_ACCOUNT_ID
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from local.aws.mwaa.environment import Environment

MAX_PATH = 64  # of InvokeRestApi, in characters
CALL_SECONDS = 10  # after which InvokeRestApi gives up
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]

_ROUTES = Map(
    [
        Rule("/environments", endpoint="list", methods=["GET"]),
        Rule("/environments/<name>", endpoint="get", methods=["GET"]),
        Rule("/restapi/<name>", endpoint="invoke", methods=["POST"]),
    ]
)


class _RefusedError(Exception):
    def __init__(self, status: int, code: str, **members: Any) -> None:
        super().__init__(code)
        self.status, self.code, self.members = status, code, members


def in_front_of(application: Wsgi) -> Wsgi:
    """The application that answers what is signed for MWAA, and hands on the rest."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split(",")[0].split("/")
        if scope[3:4] != ["airflow"]:
            return application(environ, start_response)
        return _answer(Request(environ), scope[2])(environ, start_response)

    return answer


def _answer(request: Request, region: str) -> Response:
    try:
        endpoint, given = _ROUTES.bind_to_environ(request.environ).match()
        if endpoint == "list":
            mine = [name for account, where, name in sorted(Environment.all) if where == region]
            return _json(200, {"Environments": mine})
        environment = _find(region, given["name"])
        if endpoint == "get":
            return _json(200, {"Environment": environment.as_dict()})
        return _invoke(environment, json.loads(request.get_data()))
    except _RefusedError as refusal:
        return _json(refusal.status, refusal.members, {"x-amzn-ErrorType": refusal.code})
    except HTTPException as error:
        return _json(error.code or 500, {"message": str(error)}, {"x-amzn-ErrorType": "ValidationException"})


def _find(region: str, name: str) -> Environment:
    found = Environment.all.get((DEFAULT_ACCOUNT_ID, region, name))
    if found is None:
        raise _RefusedError(404, "ResourceNotFoundException", message=f"Environment with name {name} does not exist.")
    return found


def _invoke(environment: Environment, asked: dict[str, Any]) -> Response:
    if not 1 <= len(asked["Path"]) <= MAX_PATH:
        said = f"Value at 'path' failed to satisfy constraint: Member must have length from 1 to {MAX_PATH}"
        raise _RefusedError(400, "ValidationException", message=f"1 validation error detected: {said}")
    if environment.status not in ("AVAILABLE", "UPDATING", "UPDATE_FAILED"):
        said = f"Environment {environment.name} is {environment.status}"
        raise _RefusedError(400, "ValidationException", message=said)
    query, body = asked.get("QueryParameters") or {}, asked.get("Body")
    try:
        told = environment.airflow.call(asked["Method"], asked["Path"], query, body, CALL_SECONDS)
    except requests.RequestException as error:
        raise _RefusedError(400, "RestApiServerException", RestApiStatusCode=504, RestApiResponse=str(error)) from error
    answer = {"RestApiStatusCode": told.status_code, "RestApiResponse": _content(told)}
    if told.status_code >= 400:
        raise _RefusedError(400, f"RestApi{'Client' if told.status_code < 500 else 'Server'}Exception", **answer)
    return _json(200, answer)


def _content(told: requests.Response) -> Any:
    try:
        return told.json()
    except ValueError:
        return told.text


def _json(status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(content, default=_seconds)
    return Response(text, status, {**(headers or {}), "Content-Type": "application/json"})


def _seconds(value: Any) -> float:
    assert isinstance(value, datetime)  # noqa: S101 - nothing else is told that JSON lacks
    return value.timestamp()
