"""MWAA's own API in front of moto, which has none: GetEnvironment and InvokeRestApi.

Requests are known by the service they are signed for, `airflow`. MWAA's clients put `api.` or `env.` before the host,
which AWS_DISABLE_HOST_PREFIX_INJECTION (or `inject_host_prefix=False` in a client's Config) turns off.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

import requests
from werkzeug.wrappers import Request, Response

from local.aws_emulator.mwaa.mwaa_environment import MwaaEnvironment

MAX_PATH = 64  # of InvokeRestApi, in characters
CALL_SECONDS = 10  # after which InvokeRestApi gives up
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def in_front_of(application: Wsgi) -> Wsgi:
    """The application that answers what is signed for MWAA, and hands on the rest."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split(",")[0].split("/")
        if scope[3:4] != ["airflow"]:
            return application(environ, start_response)
        return _answer(Request(environ))(environ, start_response)

    return answer


def _answer(request: Request) -> Response:
    kind, _, name = request.path.strip("/").partition("/")
    environment = MwaaEnvironment.all.get(name)
    if environment is None:
        return _refused(404, "ResourceNotFoundException", message=f"Environment with name {name} does not exist.")
    if kind == "environments":
        return _json(200, {"Environment": environment.describe()})
    return _invoke(environment, json.loads(request.get_data()))


def _invoke(environment: MwaaEnvironment, asked: dict[str, Any]) -> Response:
    if len(asked["Path"]) > MAX_PATH:
        return _refused(400, "ValidationException", message=f"'path' must have length from 1 to {MAX_PATH}")
    query, body = asked.get("QueryParameters") or {}, asked.get("Body")
    try:
        found = environment.airflow.call(asked["Method"], asked["Path"], query, body, CALL_SECONDS)
    except requests.RequestException as error:
        return _refused(400, "RestApiServerException", RestApiStatusCode=504, RestApiResponse=str(error))
    answer = {"RestApiStatusCode": found.status_code, "RestApiResponse": _content(found)}
    if found.status_code < 400:
        return _json(200, answer)
    return _refused(400, f"RestApi{'Client' if found.status_code < 500 else 'Server'}Exception", **answer)


def _content(found: requests.Response) -> Any:
    try:
        return found.json()
    except ValueError:
        return found.text


def _refused(status: int, code: str, **members: Any) -> Response:
    return _json(status, members, {"x-amzn-ErrorType": code})


def _json(status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(content), status, {**(headers or {}), "Content-Type": "application/json"})
