"""Is this request one that the CRM accepts? Each refusal says which part is wrong and what was expected."""

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
    """What a valid body says."""

    user_id: str
    score: str


class _RepeatedNameError(ValueError):
    pass


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedNameError("a member name occurs twice")
    return found


_decode = json.JSONDecoder(object_pairs_hook=_unrepeated).decode


def check_token(header: str | None, token: str) -> FakeResponse | None:
    """401 unless the Authorization header holds the bearer token."""
    scheme, _, given = (header or "").partition(" ")
    # A header may hold any bytes; those that are not UTF-8 arrive as surrogates.
    token_given = given.strip().encode(errors="surrogateescape")
    if scheme.lower() == "bearer" and hmac.compare_digest(token_given, token.encode()):
        return None
    return unauthorized("no bearer token was sent" if not header else "this token is not valid")


def unauthorized(reason: str) -> FakeResponse:
    """401 with the challenge that the standard asks for."""
    challenge = 'Bearer realm="crm"' + ("" if reason.startswith("no ") else ', error="invalid_token"')
    return problem(401, "unauthorized", f"Not authorised: {reason}.", {"WWW-Authenticate": challenge})


def check_content_type(header: str | None) -> FakeResponse | None:
    """415 unless the body is declared as JSON."""
    if (header or "").partition(";")[0].strip().lower() == "application/json":
        return None
    detail = f"Content-Type is {header!r}; expected application/json." if header else "Content-Type is missing."
    return problem(415, "unsupported-media-type", detail, {"Accept-Post": "application/json"})


def too_large(size: int) -> FakeResponse:
    """413, naming the limit."""
    return problem(413, "body-too-large", f"The body has {size} bytes; at most {MAX_BODY_BYTES} are accepted.")


def check_key(key: str | None) -> FakeResponse | None:
    """400 for an unusable Idempotency-Key; sending none is allowed."""
    if key is None or 0 < len(key) <= MAX_KEY_CHARS:
        return None
    detail = f"Idempotency-Key has {len(key)} characters; expected 1 to {MAX_KEY_CHARS}."
    return problem(400, "invalid-idempotency-key", detail)


def parse(body: bytes) -> dict[str, Any] | FakeResponse:
    """Return the JSON object of a body, or the 400 for one that holds none."""
    try:
        found = _decode(body.decode())
    except UnicodeDecodeError:
        return problem(400, "malformed-json", "The body is not UTF-8.")
    except _RepeatedNameError as error:
        return problem(400, "malformed-json", f"The body is ambiguous: {error}.")
    except (ValueError, RecursionError):
        return problem(400, "malformed-json", "The body is not valid JSON.")
    if isinstance(found, dict):
        return found
    return problem(400, "malformed-json", f"The body is a JSON {type(found).__name__}; expected an object.")


def named_user(parsed: dict[str, Any] | FakeResponse) -> str | None:
    """Return the user whom a body names, however wrong the rest of it is."""
    user_id = parsed.get("user_id") if isinstance(parsed, dict) else None
    return user_id if isinstance(user_id, str) else None


def check_payload(parsed: dict[str, Any]) -> Payload | FakeResponse:
    """Return the two fields, or the 422 that names each wrong one."""
    user_id, score = parsed.get("user_id"), parsed.get("engagement_score")
    if len(parsed) == 2 and _user_fault(user_id) is None and _score_fault(score) is None:
        # There are some ten thousand scores and millions of users: keep each score once.
        return Payload(str(user_id), sys.intern(str(score)))
    faults = {name: "not a field of this request" for name in parsed if name not in FIELDS}
    for name, value, fault in (
        ("user_id", user_id, _user_fault(user_id)),
        ("engagement_score", score, _score_fault(score)),
    ):
        if fault is not None:
            faults[name] = "missing" if value is None and name not in parsed else fault
    errors = [{"field": name, "detail": fault} for name, fault in sorted(faults.items())]
    detail = "; ".join(f"{error['field']}: {error['detail']}" for error in errors)
    return problem(422, "invalid-field", detail, errors=errors)


def _user_fault(value: object) -> str | None:
    if not isinstance(value, str):
        return f"is a JSON {type(value).__name__}; expected a string"
    if not value.strip():
        return "empty or blank"
    if len(value) > MAX_USER_ID_CHARS:
        return f"has {len(value)} characters; at most {MAX_USER_ID_CHARS} are accepted"
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        return "holds half of a surrogate pair, which is no character"
    return None


def _score_fault(value: object) -> str | None:
    if not isinstance(value, str):
        return f"is a JSON {type(value).__name__}; expected a string such as '73.25'"
    if _score(value) is None:
        return "expected one to three digits, a point and two digits"
    return None if float(value) <= 100 else "expected 0.00 to 100.00"
