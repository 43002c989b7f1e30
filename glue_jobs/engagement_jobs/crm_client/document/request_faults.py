"""Faults of the request part of a CRM document, in words. Values of headers are never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from engagement_jobs.crm_client.document import placeholders
from engagement_jobs.crm_client.document.placeholders import Field
from engagement_jobs.crm_client.headers.header_names import CONNECTION_HEADERS, HEADER_NAME

METHODS: Final = ("POST", "PUT", "PATCH")
FORMS: Final = ("raw", "quoted")
_REQUIRED: Final = ("method", "path", "body", "idempotency_header")
_KEYS: Final = (*_REQUIRED, "headers")
_HEADER_VALUE: Final = re.compile(r"[!-~]([ -~]*[!-~])?")
_PLACEHOLDER: Final = re.compile("{(?:" + "|".join(placeholders.FIELDS) + ")(?::number)?}")
# Fewer names than of headers: a trait may be called auth_method.
_BODY_CREDENTIALS: Final = ("apikey", "apisecret", "accesstoken", "authtoken", "clientsecret", "password", "secret")
_URL: Final = re.compile(r"[A-Za-z][\w+.-]*:|//")
_OTHER_BODY: Final = re.compile(r"form|multipart|xml|csv|html|octet-stream", re.IGNORECASE)
# Printable ASCII that a path or a query may contain as it is, and percent-encoded bytes.
_PATH_TEXT: Final = re.compile(r"(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_CONNECTION_HEADERS: Final = {*CONNECTION_HEADERS, "content-encoding", "proxy-connection"}
# Parts of the names of headers that carry credentials.
_CREDENTIALS: Final = re.compile(
    r"(?:^|[-_])(?:auth|authorization|authentication|token|secret|password|credentials?|cookie|signature|api[-_]?key)"
    r"(?:$|[-_])",
    re.IGNORECASE,
)


def request_faults(request: Any) -> Iterator[str]:
    """Yield the faults of the request part."""
    if not isinstance(request, dict):
        yield "request is missing or not an object, expected an object with " + ", ".join(_REQUIRED)
        return
    yield from (f"unknown key request.{key}, expected {', '.join(_KEYS)}" for key in request if key not in _KEYS)
    yield from (f"request.{key} is missing" for key in _REQUIRED if key not in request)
    if "method" in request and request["method"] not in METHODS:
        yield f"request.method is {request['method']!r}, expected {', '.join(METHODS)}"
    yield from _path_faults(request.get("path", "/"))
    yield from _field_faults(request)
    idempotency_header = request.get("idempotency_header")
    yield from _idempotency_faults(idempotency_header)
    yield from _header_faults(request.get("headers", {}), idempotency_header)


def _path_faults(path: Any) -> Iterator[str]:
    if not isinstance(path, str) or not path.startswith("/") or path.startswith("//"):
        shown = "a URL" if isinstance(path, str) and _URL.match(path) else repr(path)  # a URL may contain a password
        yield f"request.path is {shown}, expected a text that begins with one slash"
        return
    for name, _, value in (part.partition("=") for part in path.partition("?")[2].split("&")):
        if _CREDENTIALS.search(name) and "{" not in value:
            yield f"request.path: {name} looks like a credential, which belongs into the secret, not into this document"
            return  # the other faults show the path
    try:
        template = placeholders.parse_text(path)
    except ValueError as error:
        yield f"request.path {error}"
        return
    is_valid = all(isinstance(piece, Field) or _PATH_TEXT.fullmatch(piece) for piece in template)
    if not is_valid or path.count("?") > 1:
        yield f"request.path is {path!r}, expected letters, digits, -._~!$&'()*+,;=:@/% and at most one ?"
    # A segment of dots changes the path; a user id may be a dot too.
    texts = "".join(piece if isinstance(piece, str) else "" for piece in template).partition("?")[0]
    if any(re.fullmatch(r"(?:\.|%2[eE])+", segment) for segment in texts.split("/")):
        yield f"request.path is {path!r}, expected no segment of dots only"


def _field_faults(request: dict[str, Any]) -> Iterator[str]:
    """Yield faults of the body, and missing fields: without them, all users or all scores would be the same."""
    try:
        credentials = list(_credential_places(request.get("body"), ""))
        used = placeholders.names(placeholders.parse_json(request.get("body")))
    except ValueError as error:
        yield f"request.body {error}"
        return
    except RecursionError:
        yield "request.body has too many levels"
        return
    for place in credentials:
        yield f"request.body: {place} looks like a credential, which belongs into the secret, not into this document"
    try:
        used |= placeholders.names(placeholders.parse_text(str(request.get("path"))))
    except ValueError:
        return  # reported as a fault of the path
    for field in ("user_id", "score"):
        if field not in used:
            yield f"the request has no {{{field}}}, neither in its path nor in its body"


def _credential_places(body: Any, place: str) -> Iterator[str]:
    """Yield where members have the name of a credential and a constant text."""
    members = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, value in members:
        if not isinstance(value, str):
            yield from _credential_places(value, f"{place}/{name}")
        elif value and "{" not in value and re.sub(r"[\W_]", "", str(name)).lower() in _BODY_CREDENTIALS:
            yield f"{place}/{name}"


def _idempotency_faults(header: Any) -> Iterator[str]:
    if header is None:
        return
    if not isinstance(header, dict) or set(header) != {"name", "form"}:
        yield "request.idempotency_header is invalid, expected an object with name and form, or null"
        return
    if header["form"] not in FORMS:
        yield f"request.idempotency_header: form is {header['form']!r}, expected {' or '.join(FORMS)}"
    # Its value is the key, whatever the word for it.
    is_key = re.search("idempoten", str(header["name"]), re.IGNORECASE) is not None
    yield from (f"request.idempotency_header: {fault}" for fault in _name_faults(header["name"], is_key=is_key))


def _header_faults(headers: Any, idempotency_header: Any) -> Iterator[str]:
    if not isinstance(headers, dict):
        yield "request.headers is not an object, expected an object of texts"
        return
    own = idempotency_header.get("name") if isinstance(idempotency_header, dict) else None
    lowercase = [name.lower() for name in headers]
    for name, value in headers.items():
        yield from (f"request.headers: {fault}" for fault in _name_faults(name))
        if lowercase.count(name.lower()) > 1:
            yield f"request.headers: {name} occurs in different cases"
        if isinstance(own, str) and name.lower() == own.lower():
            yield f"request.headers: {name} is the idempotency header, expected it in idempotency_header only"
        yield from (f"request.headers: {fault}" for fault in _value_faults(name, value))


def _value_faults(name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
        yield f"the value of {name} is invalid, expected printable ASCII without blanks around it"
    elif _PLACEHOLDER.search(value):
        yield f"the value of {name} has a placeholder, expected a static value: only path and body have fields"
    elif name.lower() == "content-type" and _OTHER_BODY.search(value):
        yield f"the value of {name} is not for JSON, expected application/json or the like: the body is sent as JSON"


def _name_faults(name: Any, *, is_key: bool = False) -> Iterator[str]:
    if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
        yield f"{name!r} is not the name of a header"
    elif name.lower() in _CONNECTION_HEADERS:
        yield f"{name} is set by the HTTP client and cannot be declared"
    elif _CREDENTIALS.search(name) and not is_key:
        yield f"{name} looks like a credential, which belongs into the secret, not into this document"
