"""Checks of the values in the CRM secret. Each returns what is wrong, without the value; None if nothing is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from engagement_jobs.contract.base_url import check_host_and_port
from engagement_jobs.crm_client.authentication.pem import repair_certificates, repair_key
from engagement_jobs.crm_client.headers.header_names import CONNECTION_HEADERS, HEADER_NAME

Check = Callable[[str], str | None]

_SET_BY_THE_JOB: Final = {*CONNECTION_HEADERS, "content-type", "idempotency-key", "user-agent"}
_KINDS: Final = {list: "an array", str: "a string", bool: "a boolean", dict: "an object", type(None): "null"}


def kind_of(value: object) -> str:
    """Return the kind of a JSON value in words."""
    return _KINDS.get(type(value), "a number")


def parse_object(text: str) -> dict[str, Any]:
    """Parse a JSON object.

    :raises ValueError: what is wrong, without a part of the text
    """
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except json.JSONDecodeError:
        raise ValueError("begins like JSON and does not parse") from None
    if not isinstance(document, dict):
        raise ValueError(f"is JSON that is {kind_of(document)}")
    return document


def as_headers(value: object) -> dict[str, Any]:
    """Return the headers of the key `headers`: an object, or a text that contains one.

    :raises ValueError: it is neither
    """
    return parse_object(value) if isinstance(value, str) else dict(value) if isinstance(value, dict) else {}


def check(name: str, value: object) -> str | None:
    """Check the value of a key of the secret."""
    if name == "headers":
        return _check_headers(value)
    if not isinstance(value, str):
        return f"is {kind_of(value)}, expected a text"
    if name in _PEM:
        return _PEM[name](value)
    if not value.isprintable():
        return "has line breaks or control characters"
    if not value:
        return None if name in _MAY_BE_EMPTY else "is empty"
    if name not in _MAY_HAVE_OUTER_BLANKS and value != value.strip():
        return "begins or ends with a blank"
    further = _CHECKS.get(name)
    return further(value) if further is not None else None


def check_header_value(value: str) -> str | None:
    """Check the value of a request header."""
    return None if value.isascii() else "has other characters than ASCII"


def check_url(url: str, *, allow_http: bool) -> str | None:
    """Check the URL of the token endpoint."""
    schemes = ("https", "http") if allow_http else ("https",)
    try:
        parts = urlsplit(url)
        check_host_and_port(url)
    except ValueError:
        return "is not a URL with a valid host"
    if parts.scheme not in schemes:
        return "does not begin with https://"
    if "@" in parts.netloc:
        return "contains a user name or password"
    if "#" in url or not url.isascii() or " " in url:
        return "contains a fragment (#), a blank or other characters than ASCII"
    return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name.lower() for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("has a key twice")
    return dict(pairs)


def _check_header_name(name: str) -> str | None:
    if not HEADER_NAME.fullmatch(name):
        return "is not the name of a header"
    if name.lower() == "proxy-authorization":
        return "is the header of a proxy; use proxy_user and proxy_password"
    return "is a header that the job sets itself" if name.lower() in _SET_BY_THE_JOB else None


def _check_headers(value: object) -> str | None:
    """Check several headers. Their names are not shown, because one may be a value in the wrong place."""
    if not isinstance(value, str | dict):
        return f"is {kind_of(value)}, expected an object with the value of each header"
    try:
        headers = as_headers(value)
    except ValueError as error:
        return str(error)
    if not headers:
        return "is empty"
    for name, text in headers.items():
        if (fault := _check_header_name(name)) is not None:
            return f"has a name that {fault}"
        if (fault := check("token", text)) is not None:
            return f"has a value that {fault}"
    return None


def _check_scheme(value: str) -> str | None:
    return "is not one word" if " " in value else check_header_value(value)


def _check_user(value: str) -> str | None:
    return "contains a colon, which the scheme Basic does not allow" if ":" in value else None


def _check_client_auth(value: str) -> str | None:
    return None if value in ("basic", "body") else 'is neither "basic" nor "body"'


def _pem_check(repair: Callable[[str], str]) -> Check:
    def pem_fault(value: str) -> str | None:
        try:
            repair(value)
        except ValueError as error:
            return str(error)
        return None

    return pem_fault


_MAY_BE_EMPTY: Final = ("scheme", "scope", "audience", "client_auth", "password")
# A password may have them, although they are likely a mistake.
_MAY_HAVE_OUTER_BLANKS: Final = ("password", "client_secret", "proxy_password")
_PEM: Final[Mapping[str, Check]] = {
    "client_certificate": _pem_check(repair_certificates),
    "client_key": _pem_check(repair_key),
}
_CHECKS: Final[Mapping[str, Check]] = {
    "token": check_header_value,
    "header": _check_header_name,
    "scheme": _check_scheme,
    "user": _check_user,
    "proxy_user": _check_user,
    "client_auth": _check_client_auth,
}
