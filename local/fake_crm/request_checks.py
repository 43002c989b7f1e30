"""Checks of a request. Each response to a failed check says what was wrong and what was expected."""

import hmac
import json
import re
import sys
from typing import Any, NamedTuple

from local.fake_crm.responses import FakeResponse, problem

MAX_BODY_BYTES = 16 * 1024
MAX_USER_ID_CHARS = 256
MAX_KEY_CHARS = 255
FIELDS = ("user_id", "engagement_score")

_score = re.compile(r"[0-9]{1,3}\.[0-9]{2}").fullmatch


class Payload(NamedTuple):
    """The content of a valid request; `other` are values that a CRM stores next to the score."""

    user_id: str
    score: str
    other: tuple[str, ...] = ()


class _RepeatedNameError(ValueError):
    pass


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise _RepeatedNameError("a member name occurs twice")
    return document


_decode = json.JSONDecoder(object_pairs_hook=_object_of).decode


def check_token(header: str | None, token: str) -> FakeResponse | None:
    """Return None if the Authorization header has the bearer token, otherwise 401."""
    scheme, _, credentials = (header or "").partition(" ")
    if scheme.lower() == "bearer" and is_same(credentials.strip(), token):
        return None
    if not header:
        return _unauthorized("no bearer token was sent", 'Bearer realm="crm"')
    return invalid_token("this token is not valid")


def is_same(received: str, expected: str) -> bool:
    """Compare a credential in constant time."""
    # A header may contain any bytes; those that are not UTF-8 arrive as surrogates.
    return hmac.compare_digest(received.encode(errors="surrogateescape"), expected.encode())


def invalid_token(reason: str) -> FakeResponse:
    """Return 401 for a token that is not accepted."""
    return _unauthorized(reason, 'Bearer realm="crm", error="invalid_token"')


def _unauthorized(reason: str, challenge: str) -> FakeResponse:
    return problem(401, "unauthorized", f"Not authorized: {reason}.", {"WWW-Authenticate": challenge})


def check_content_type(header: str | None) -> FakeResponse | None:
    """Return None if the content type is JSON, otherwise 415."""
    if (header or "").partition(";")[0].strip().lower() == "application/json":
        return None
    detail = f"Content-Type is {header!r}; expected application/json." if header else "Content-Type is missing."
    return problem(415, "unsupported-media-type", detail, {"Accept-Post": "application/json"})


def too_large(size: int) -> FakeResponse:
    """Return 413 for a body of `size` bytes."""
    return problem(413, "body-too-large", f"The body has {size} bytes; at most {MAX_BODY_BYTES} are accepted.")


def check_idempotency_key(key: str | None) -> FakeResponse | None:
    """Return 400 for an invalid Idempotency-Key, otherwise None. The header is optional."""
    if key is None or 0 < len(key) <= MAX_KEY_CHARS:
        return None
    detail = f"Idempotency-Key has {len(key)} characters; expected 1 to {MAX_KEY_CHARS}."
    return problem(400, "invalid-idempotency-key", detail)


def parse_body(body: bytes) -> dict[str, Any] | FakeResponse:
    """Return the JSON object in a body, or 400 if there is none."""
    try:
        document = _decode(body.decode())
    except UnicodeDecodeError:
        return problem(400, "malformed-json", "The body is not UTF-8.")
    except _RepeatedNameError as error:
        return problem(400, "malformed-json", f"The body is ambiguous: {error}.")
    except (ValueError, RecursionError):
        return problem(400, "malformed-json", "The body is not valid JSON.")
    if isinstance(document, dict):
        return document
    return problem(400, "malformed-json", f"The body is a JSON {type(document).__name__}; expected an object.")


def user_of(parsed: dict[str, Any] | FakeResponse) -> str | None:
    """Return the user that a body names, even if the rest of the body is invalid."""
    user_id = parsed.get("user_id") if isinstance(parsed, dict) else None
    return user_id if isinstance(user_id, str) else None


def check_payload(parsed: dict[str, Any]) -> Payload | FakeResponse:
    """Return the two fields, or 422 with an error for each invalid field."""
    user_id, score = parsed.get("user_id"), parsed.get("engagement_score")
    if len(parsed) == 2 and user_error(user_id) is None and score_error(score) is None:
        # There are about ten thousand scores and millions of users, so store each score once.
        return Payload(str(user_id), sys.intern(str(score)))
    details = {name: "not a field of this request" for name in parsed if name not in FIELDS}
    for name, detail in (("user_id", user_error(user_id)), ("engagement_score", score_error(score))):
        if detail is not None:
            details[name] = detail if name in parsed else "missing"
    errors = [{"field": name, "detail": detail} for name, detail in sorted(details.items())]
    summary = "; ".join(f"{error['field']}: {error['detail']}" for error in errors)
    return problem(422, "invalid-field", summary, errors=errors)


def user_error(value: object) -> str | None:
    """Return what is wrong with a user id, or None."""
    if not isinstance(value, str):
        return f"is a JSON {type(value).__name__}; expected a string"
    if not value.strip():
        return "empty or blank"
    if len(value) > MAX_USER_ID_CHARS:
        return f"has {len(value)} characters; at most {MAX_USER_ID_CHARS} are accepted"
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        return "contains half of a surrogate pair, which is not a character"
    return None


def score_error(value: object) -> str | None:
    """Return what is wrong with a score that is sent as text, or None."""
    if not isinstance(value, str):
        return f"is a JSON {type(value).__name__}; expected a string such as '73.25'"
    if _score(value) is None:
        return "expected one to three digits, a decimal point and two digits"
    return None if float(value) <= 100 else "expected 0.00 to 100.00"
