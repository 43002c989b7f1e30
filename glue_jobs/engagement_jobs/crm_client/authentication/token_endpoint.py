"""One request to the token endpoint of OAuth 2.0 (RFC 6749, section 4.4), and what its answer means."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus

import aiohttp
from yarl import URL

from engagement_jobs.contract.errors import AmbiguousError, TokenError, TokenUnavailableError, UnsentError
from engagement_jobs.crm_client.authentication.secret import ClientCredentials
from engagement_jobs.crm_client.authentication.secret_parser import basic
from engagement_jobs.crm_client.error_translation import ERRORS, translate
from engagement_jobs.crm_client.headers.waits import requested_wait
from engagement_jobs.crm_client.response_bodies import read_body
from engagement_jobs.crm_client.response_rules import LASTING_FAILURES
from engagement_jobs.crm_client.transport.sessions import USER_AGENT

_HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": USER_AGENT,
}
# RFC 6749 and its extensions; another text may be part of a secret.
_CODES: Final = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
    "access_denied",
    "server_error",
    "temporarily_unavailable",
)
_TEMPORARY: Final = ("server_error", "temporarily_unavailable")
_REPEATED: Final = (408, 425, 429)
MAX_GARBAGE = 4
"""Answers without a token, as a gateway in maintenance sends them, until the caller gives up."""
_MIN_LIFETIME, _MAX_LIFETIME = 1.0, 30 * 86_400.0


@dataclass(frozen=True, repr=False)
class Token:
    """An access token.

    :param requested_at: when its request was sent, in seconds of the event loop's clock
    :param lifetime: seconds, None if the endpoint does not say
    """

    value: str
    requested_at: float
    lifetime: float | None


async def fetch_token(session: aiohttp.ClientSession, credentials: ClientCredentials) -> Token:
    """Request a token.

    :raises TokenError: the endpoint refuses the client, answers garbage, or cannot be trusted
    :raises TokenUnavailableError: no answer, or one that may be another one soon
    """
    url = URL(credentials.token_url)
    place = f"the token endpoint {url.host}{url.path}"
    requested_at = time.monotonic()
    try:
        async with session.post(
            url, data=_form(credentials), headers=_request_headers(credentials), allow_redirects=False
        ) as response:
            body = await read_body(response)
            status, wait = response.status, requested_wait(response.status, response.headers)
    except (UnsentError, AmbiguousError, *ERRORS) as error:
        reason = str(error if isinstance(error, UnsentError | AmbiguousError) else translate(error))
        if reason in LASTING_FAILURES:
            raise TokenError(f"{place} cannot be used: {reason}") from None
        raise TokenUnavailableError(f"{place} is not available: {reason}") from None
    answer = _parse(body)
    if 200 <= status < 300:
        return _read_token(f"{place} answered HTTP {status} without a token", answer, requested_at)
    code = _code(answer)
    what = f"HTTP {status} {code}".strip()
    if status in _REPEATED or status >= 500 or code in _TEMPORARY:
        raise TokenUnavailableError(f"{place} is not available: {what}", wait.seconds if wait else None)
    raise TokenError(f"{place} refuses the client: {what}")


def _form(credentials: ClientCredentials) -> dict[str, str]:
    form = {"grant_type": "client_credentials", "scope": credentials.scope, "audience": credentials.audience}
    if credentials.in_body:
        form |= {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
    return {name: value for name, value in form.items() if value}


def _request_headers(credentials: ClientCredentials) -> dict[str, str]:
    if credentials.in_body:
        return dict(_HEADERS)
    # RFC 6749, section 2.3.1: both are encoded as in a form before they are joined.
    authorization = basic(quote_plus(credentials.client_id), quote_plus(credentials.client_secret))
    return {**_HEADERS, "Authorization": authorization}


def _parse(body: bytes | None) -> Any:
    try:
        return json.loads(body or b"")
    except (ValueError, RecursionError):
        return None


def _code(answer: Any) -> str:
    """Return the error code of an answer, empty if it has none that is registered."""
    code = answer.get("error") if isinstance(answer, dict) else None
    return code if code in _CODES else ""


def _read_token(problem: str, answer: Any, requested_at: float) -> Token:
    """Return the token of an answer.

    :raises TokenError: there is none
    """
    if not isinstance(answer, dict):
        raise TokenError(f"{problem}: the body is not a JSON object", is_garbage=True)
    if "error" in answer:
        raise TokenError(f"{problem}: the body is an error {_code(answer)}".strip(), is_garbage=True)
    value, kind = answer.get("access_token"), answer.get("token_type", "Bearer")
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable() or " " in value:
        raise TokenError(f"{problem}: access_token is not a text of printable ASCII", is_garbage=True)
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise TokenError(f"{problem}: token_type is not Bearer", is_garbage=True)
    return Token(value, requested_at, _lifetime(answer.get("expires_in")))


def _lifetime(expires_in: Any) -> float | None:
    """Return the lifetime in seconds; None if there is none, or it makes no sense."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float | str):
        return None
    try:
        seconds = float(expires_in)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(seconds) or seconds <= 0:
        return None
    return min(max(seconds, _MIN_LIFETIME), _MAX_LIFETIME)
