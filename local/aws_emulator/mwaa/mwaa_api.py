"""The API of MWAA, which moto lacks: GetEnvironment and InvokeRestApi.

Requests for MWAA are those that are signed for the service `airflow`. MWAA clients add the prefix `api.` or `env.` to
the host name, unless AWS_DISABLE_HOST_PREFIX_INJECTION or `inject_host_prefix=False` in the client's Config
disables it.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

import requests
from werkzeug.wrappers import Request, Response

from local.aws_emulator.mwaa.mwaa_environment import MwaaEnvironment

MAX_PATH = 64  # length of the path of InvokeRestApi, in characters
CALL_SECONDS = 10  # timeout of InvokeRestApi
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def add_mwaa_api(application: Wsgi) -> Wsgi:
    """Return an application that handles requests for MWAA and passes all others to `application`."""

    def dispatch(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split(",")[0].split("/")
        if scope[3:4] != ["airflow"]:
            return application(environ, start_response)
        return _handle(Request(environ))(environ, start_response)

    return dispatch


def _handle(request: Request) -> Response:
    kind, _, name = request.path.strip("/").partition("/")
    environment = MwaaEnvironment.by_name.get(name)
    if environment is None:
        return _error(404, "ResourceNotFoundException", message=f"Environment with name {name} does not exist.")
    if kind == "environments":
        return _json(200, {"Environment": environment.describe()})
    return _invoke(environment, json.loads(request.get_data()))


def _invoke(environment: MwaaEnvironment, call: dict[str, Any]) -> Response:
    if len(call["Path"]) > MAX_PATH:
        return _error(400, "ValidationException", message=f"'path' must have length from 1 to {MAX_PATH}")
    query, body = call.get("QueryParameters") or {}, call.get("Body")
    try:
        response = environment.airflow.call(call["Method"], call["Path"], query, body, CALL_SECONDS)
    except requests.RequestException as error:
        return _error(400, "RestApiServerException", RestApiStatusCode=504, RestApiResponse=str(error))
    result = {"RestApiStatusCode": response.status_code, "RestApiResponse": _content(response)}
    if response.status_code < 400:
        return _json(200, result)
    return _error(400, f"RestApi{'Client' if response.status_code < 500 else 'Server'}Exception", **result)


def _content(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return response.text


def _error(status: int, code: str, **members: Any) -> Response:
    return _json(status, members, {"x-amzn-ErrorType": code})


def _json(status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(content), status, {**(headers or {}), "Content-Type": "application/json"})
