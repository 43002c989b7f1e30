"""One request to a token endpoint: what it contains, and what each answer means. Messages contain no value."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from engagement_jobs.contract.errors import TokenError, TokenUnavailableError
from engagement_jobs.crm_client.authentication.secret import ClientCredentials
from engagement_jobs.crm_client.authentication.token_endpoint import Token, fetch_token
from engagement_jobs.crm_client.transport.network import Network
from engagement_jobs.crm_client.transport.sessions import SessionFactory
from tests.support.raw_http import RawServer, Responder, raw_server, respond

CANARY = "hush-9f3"
CREDENTIALS = ClientCredentials("", "id", CANARY)
GOOD = {"access_token": CANARY, "token_type": "Bearer", "expires_in": 60}


def answer(status: int, body: Any, headers: str = "") -> Responder:
    """Answer with a JSON body, or with a text."""
    text = body if isinstance(body, str) else json.dumps(body)
    head = f"HTTP/1.1 {status} x\r\n{headers}Content-Length: {len(text.encode())}\r\n\r\n"
    return respond(head.encode() + text.encode())


@contextlib.asynccontextmanager
async def session(url: str, timeout_seconds: float) -> AsyncIterator[Any]:
    network = Network(allow_http=True)
    async with SessionFactory(network, network.tls_context(), timeout_seconds).create(
        url, reuses_connections=False
    ) as session:
        yield session


def fetch(
    responder: Responder, credentials: ClientCredentials = CREDENTIALS, timeout_seconds: float = 5.0
) -> tuple[Token, RawServer]:
    async def main() -> tuple[Token, RawServer]:
        async with raw_server(responder) as server:
            url = f"http://127.0.0.1:{server.port}/oauth/token?a=b"
            async with session(url, timeout_seconds) as opened:
                return await fetch_token(opened, replace(credentials, token_url=url)), server

    return asyncio.run(main())


def request_of(credentials: ClientCredentials) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the headers and the form of a request."""
    head, _, body = fetch(answer(200, GOOD), credentials)[1].requests[0].decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    assert first == "POST /oauth/token?a=b HTTP/1.1"
    return dict(line.split(": ", 1) for line in lines), parse_qs(body, strict_parsing=True)


def test_credentials_are_in_the_header_by_default() -> None:
    headers, form = request_of(replace(CREDENTIALS, client_id="a b:ü", client_secret="s/+&", scope="x y"))
    decoded = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    assert decoded == "a+b%3A%C3%BC:s%2F%2B%26"
    assert form == {"grant_type": ["client_credentials"], "scope": ["x y"]}
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert headers["Accept"] == "application/json"


def test_credentials_may_be_in_the_body() -> None:
    headers, form = request_of(replace(CREDENTIALS, client_secret="s/+&ü", audience="https://crm", in_body=True))
    assert "Authorization" not in headers
    assert form == {
        "grant_type": ["client_credentials"],
        "client_id": ["id"],
        "client_secret": ["s/+&ü"],
        "audience": ["https://crm"],
    }


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        (60, 60.0),
        (1.5, 1.5),
        ("3600", 3600.0),
        (0.01, 1.0),
        (1e300, 30 * 86_400.0),
        (None, None),
        (0, None),
        (-1, None),
        (True, None),
        ("soon", None),
        ("nan", None),
        ([60], None),
    ],
)
def test_lifetime_is_read_if_it_makes_sense(expires_in: Any, lifetime: float | None) -> None:
    token, _ = fetch(answer(200, GOOD | {"expires_in": expires_in}))
    assert (token.value, token.lifetime) == (CANARY, lifetime)
    assert CANARY not in repr(token)


@pytest.mark.parametrize("token_type", ["bearer", "BEARER", None])
@pytest.mark.parametrize("status", [200, 201])
def test_token_is_a_bearer_token(token_type: str | None, status: int) -> None:
    body = {name: value for name, value in (GOOD | {"token_type": token_type}).items() if value is not None}
    assert fetch(answer(status, body))[0].value == CANARY


def failure(responder: Responder, kind: type[Exception], timeout_seconds: float = 5.0) -> Any:
    with pytest.raises(kind) as caught:
        fetch(responder, timeout_seconds=timeout_seconds)
    assert caught.value.__cause__ is None
    assert CANARY not in str(caught.value)
    assert str(caught.value).startswith("the token endpoint 127.0.0.1/oauth/token ")
    return caught.value


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("<html>hush-9f3</html>", "the body is not a JSON object"),
        ("", "the body is not a JSON object"),
        ("[" * 100_000, "the body is not a JSON object"),
        (["hush-9f3"], "the body is not a JSON object"),
        ({}, "access_token is not a text of printable ASCII"),
        (GOOD | {"access_token": None}, "access_token is not a text of printable ASCII"),
        (GOOD | {"access_token": 17}, "access_token is not a text of printable ASCII"),
        (GOOD | {"access_token": ""}, "access_token is not a text of printable ASCII"),
        (GOOD | {"access_token": "hush-9f3\r\nX-Header: a"}, "access_token is not a text of printable ASCII"),
        (GOOD | {"access_token": "hush-9f3 a"}, "access_token is not a text of printable ASCII"),
        (GOOD | {"token_type": "mac"}, "token_type is not Bearer"),
        (GOOD | {"token_type": ["Bearer"]}, "token_type is not Bearer"),
        (GOOD | {"error": "hush-9f3"}, "the body is an error"),
        ({"error": "invalid_client", "error_description": "hush-9f3"}, "the body is an error invalid_client"),
    ],
)
def test_success_without_a_token_is_garbage(body: Any, what: str) -> None:
    error = failure(answer(200, body), TokenError)
    assert error.is_garbage
    assert str(error).endswith(f"answered HTTP 200 without a token: {what}")


def test_overlong_body_is_garbage() -> None:
    assert failure(answer(200, " " * 2_000_000), TokenError).is_garbage


@pytest.mark.parametrize(
    ("status", "body", "what"),
    [
        (401, {"error": "invalid_client", "error_description": "hush-9f3"}, "HTTP 401 invalid_client"),
        (400, {"error": "invalid_scope"}, "HTTP 400 invalid_scope"),
        (400, {"error": "unauthorized_client"}, "HTTP 400 unauthorized_client"),
        (400, {"error": "hush-9f3"}, "HTTP 400"),
        (400, {"error": {"code": "hush-9f3"}}, "HTTP 400"),
        (403, "hush-9f3", "HTTP 403"),
        (404, "", "HTTP 404"),
        (302, "", "HTTP 302"),
    ],
)
def test_refusal_names_status_and_registered_code(status: int, body: Any, what: str) -> None:
    error = failure(answer(status, body, "Location: http://127.0.0.1:9/\r\n"), TokenError)
    assert not error.is_garbage
    assert str(error).endswith(f" refuses the client: {what}")


@pytest.mark.parametrize(
    ("status", "body", "headers", "wait"),
    [
        (503, "hush-9f3", "", None),
        (500, {"error": "invalid_client"}, "", None),
        (502, "", "Retry-After: 7\r\n", 7.0),
        (429, "", "Retry-After: 30\r\n", 30.0),
        (429, "", "", None),
        (408, "", "", None),
        (400, {"error": "temporarily_unavailable"}, "", None),
    ],
)
def test_passing_trouble_is_unavailable(status: int, body: Any, headers: str, wait: float | None) -> None:
    error = failure(answer(status, body, headers), TokenUnavailableError)
    assert error.wait == wait
    assert f"is not available: HTTP {status}" in str(error)


@pytest.mark.parametrize(
    ("responder", "reason"),
    [
        (respond(), "timeout"),
        (respond(then="close"), "reset"),
        (respond(b"HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\n{", then="close"), "reset"),
        (respond(b"no HTTP\r\n\r\n"), "malformed"),
    ],
)
def test_missing_answer_is_unavailable(responder: Responder, reason: str) -> None:
    error = failure(responder, TokenUnavailableError, timeout_seconds=0.5)
    assert str(error).endswith(f" is not available: {reason}")


@pytest.mark.parametrize(("host", "reason"), [("127.0.0.1", "connect"), (f"{'a' * 64}.invalid", "dns")])
def test_missing_connection_is_unavailable(host: str, reason: str) -> None:
    async def main(port: int) -> None:
        url = f"http://{host}:{port}/oauth/token"
        async with session(url, 5.0) as opened:
            await fetch_token(opened, replace(CREDENTIALS, token_url=url))

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # but does not listen
        with pytest.raises(TokenUnavailableError, match=f"is not available: {reason}$"):
            asyncio.run(main(bound.getsockname()[1]))
