"""OAuth 2.0 client credentials (RFC 6749, section 4.4): the clients and the access tokens issued to them."""

import random
import secrets
import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from local.fake_crm import request_checks
from local.fake_crm.request_checks import is_same
from local.fake_crm.responses import FakeResponse, as_json

PATH = "/oauth/token"
# So that a search finds every token that was issued.
TOKEN_PREFIX = "fake-crm-access-token-"  # noqa: S105 - not a secret
_FORM = "application/x-www-form-urlencoded"
_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, kw_only=True)
class OAuthClient:
    """The client that gets access tokens for the update endpoints.

    :param scope: the scope that it must request; None allows any or none
    :param audience: the same for the audience
    :param expires_in: lifetime of a token in seconds; None does not announce the lifetime, which is endless
    """

    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None
    audience: str | None = None
    expires_in: float | None = 3600


class AccessTokens:
    """The issued tokens and their counts."""

    def __init__(self, client: OAuthClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._random = random.Random(0)  # noqa: S311 (a repeatable sequence, not a secret)
        self._ends: dict[str, float] = {}
        self._refused_early: set[str] = set()
        self.clear()

    def clear(self) -> None:
        """Reset the counts; issued tokens remain valid."""
        self._counts = dict.fromkeys(("requests", "issued", "refused", "calls_with_expired", "calls_refused_early"), 0)

    def as_json(self) -> dict[str, int]:
        """Return counts of the token endpoint, and of calls to the update endpoints with a token that had ended."""
        return dict(self._counts)

    def count_request(self) -> None:
        """Count a request to the token endpoint."""
        self._counts["requests"] += 1

    def respond(self, headers: Mapping[str, str], form: Mapping[str, str], *, ends_early: bool) -> FakeResponse:
        """Return the response of the token endpoint.

        :param form: the fields of the body
        :param ends_early: refuse the token at a random time in the first half of its lifetime, before its renewal
        """
        refusal = self._check(headers, form)
        if refusal is not None:
            self._counts["refused"] += 1
            return refusal
        self._counts["issued"] += 1
        token = TOKEN_PREFIX + secrets.token_urlsafe(24)
        lifetime = self._client.expires_in
        end = float("inf") if lifetime is None else lifetime
        if ends_early:
            end = self._random.uniform(0, 60 if lifetime is None else lifetime / 2)
            self._refused_early.add(token)
        self._ends[token] = self._clock() + end
        announced = {} if lifetime is None else {"expires_in": lifetime}
        document = {"access_token": token, "token_type": "Bearer", **announced}
        return FakeResponse(200, as_json(document).body, headers=_NO_STORE)

    def has_issued(self, authorization: str | None) -> bool:
        """Return whether an Authorization header has a token that was issued here, valid or not."""
        return _bearer(authorization) in self._ends

    def check(self, authorization: str | None) -> FakeResponse | None:
        """Return None if the issued token in an Authorization header is valid now, otherwise 401."""
        token = _bearer(authorization)
        if self._clock() < self._ends[token]:
            return None
        if token in self._refused_early:
            self._counts["calls_refused_early"] += 1
            return request_checks.invalid_token("this token was revoked")
        self._counts["calls_with_expired"] += 1
        return request_checks.invalid_token("this token has expired")

    def _check(self, headers: Mapping[str, str], form: Mapping[str, str]) -> FakeResponse | None:
        if headers.get("Content-Type", "").partition(";")[0].strip().lower() != _FORM:
            return _error(400, "invalid_request", f"Expected Content-Type: {_FORM}.")
        basic = _basic_credentials(headers.get("Authorization"))
        if basic and ("client_id" in form or "client_secret" in form):
            return _error(400, "invalid_request", "Expected credentials in the header or in the body, got both.")
        client_id, client_secret = basic or (form.get("client_id", ""), form.get("client_secret", ""))
        if not (is_same(client_id, self._client.client_id) and is_same(client_secret, self._client.client_secret)):
            return _error(401, "invalid_client", "The client is unknown or its secret is wrong.")
        if form.get("grant_type") != "client_credentials":
            return _error(400, "unsupported_grant_type", "Expected grant_type=client_credentials.")
        if self._client.scope is not None and form.get("scope") != self._client.scope:
            return _error(400, "invalid_scope", "The scope is not granted to this client.")
        if self._client.audience is not None and form.get("audience") != self._client.audience:
            return _error(400, "invalid_request", "The audience is unknown.")
        return None


def _bearer(header: str | None) -> str:
    scheme, _, token = (header or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _basic_credentials(header: str | None) -> tuple[str, str] | None:
    """Return id and secret of a Basic header, decoded as RFC 6749 (section 2.3.1) encodes them."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, client_secret = b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return unquote_plus(client_id), unquote_plus(client_secret)


def _error(status: int, code: str, description: str) -> FakeResponse:
    document: dict[str, Any] = {"error": code, "error_description": description}
    challenge = {"WWW-Authenticate": 'Basic realm="crm"'} if status == 401 else {}
    return FakeResponse(status, as_json(document).body, headers={**_NO_STORE, **challenge})
