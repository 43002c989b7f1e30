"""What distinguishes one endpoint from another: where it finds user, score and key, and how it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from aiohttp import web

from local.fake_crm.request_checks import Payload
from local.fake_crm.responses import FakeResponse, problem

KEY_HEADER = "Idempotency-Key"
_MAX_TEXT_CHARS = 255
_MAX_DECIMALS = 2

Check = Callable[[object], str | None]
ParsedBody = dict[str, Any] | FakeResponse


def _no_key(_request: web.BaseRequest, _parsed: ParsedBody) -> str | None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Api:
    """An endpoint that sets the score of one user.

    :param path: the full path, or the part before the user's id
    :param check_headers: returns the response to the first invalid header or query, or None
    :param check_body: returns the update, or the response to an invalid user in the path (None without one) or body
    :param applied: returns the response to an applied update; its second argument is whether the user had no score
    :param repeated: returns the response to a repeated key whose update was applied before; None repeats `applied`
    :param key_of: returns the idempotency key, if the request has one and the endpoint supports it
    """

    method: str
    path: str
    check_headers: Callable[[web.BaseRequest], FakeResponse | None]
    check_body: Callable[[str | None, dict[str, Any]], Payload | FakeResponse]
    applied: Callable[[Payload, bool], FakeResponse]
    repeated: Callable[[Payload], FakeResponse] | None = None
    key_of: Callable[[web.BaseRequest, ParsedBody], str | None] = _no_key

    def repeat(self, payload: Payload) -> FakeResponse:
        """Return the response to a repeated key whose update was applied before."""
        return self.repeated(payload) if self.repeated else self.applied(payload, False)


def refuse_key(request: web.BaseRequest) -> FakeResponse | None:
    """Return 400 if a request has the header of idempotency keys, which the endpoint does not support."""
    if KEY_HEADER not in request.headers:
        return None
    return problem(400, "unexpected-header", f"{request.path} does not support the header {KEY_HEADER}.")


def check_members(
    document: Mapping[str, Any], checks: Mapping[str, Check], prefix: str = "", status: int = 422
) -> FakeResponse | None:
    """Return None if an object has exactly these members and each passes its check.

    :param prefix: of the members' names in the response
    :param status: of the response
    """
    errors = {name: "not a field of this request" for name in document if name not in checks}
    for name, check in checks.items():
        error = check(document[name]) if name in document else "missing"
        if error is not None:
            errors[name] = error
    if not errors:
        return None
    listed = [{"field": prefix + name, "detail": detail} for name, detail in sorted(errors.items())]
    summary = "; ".join(f"{error['field']}: {error['detail']}" for error in listed)
    return problem(status, "invalid-field", summary, errors=listed)


def check_object(value: object) -> str | None:
    """Check that a member is a JSON object."""
    return None if isinstance(value, dict) else f"is a JSON {type(value).__name__}; expected an object"


def check_text(value: object) -> str | None:
    """Check that a member is a text of 1 to 255 characters."""
    if isinstance(value, str) and 0 < len(value) <= _MAX_TEXT_CHARS:
        return None
    return f"expected a string of 1 to {_MAX_TEXT_CHARS} characters"


def check_constant(expected: str) -> Check:
    """Return the check that a member has this value."""
    return lambda value: None if value == expected else f"expected {expected!r}"


def check_score_number(value: object) -> str | None:
    """Check that a member is a number with at most two decimals."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return f"is a JSON {type(value).__name__}; expected a number such as 73.25"
    if not 0 <= value <= 100:
        return "expected 0 to 100"
    return None if round(value, _MAX_DECIMALS) == value else "expected at most two decimals"


def check_date(value: object) -> str | None:
    """Check that a member is a date such as 2026-11-23."""
    return _check_parsed(value, date.fromisoformat, len("2026-11-23"), "a date such as '2026-11-23'")


def check_utc_time(value: object) -> str | None:
    """Check that a member is a time such as 2026-11-23T03:00:00Z."""
    expected = "2026-11-23T03:00:00Z"
    if isinstance(value, str) and not value.endswith("Z"):
        return f"expected a time in UTC such as '{expected}'"
    return _check_parsed(value, datetime.fromisoformat, len(expected), f"a time such as '{expected}'")


def _check_parsed(value: object, parse: Callable[[str], object], length: int, expected: str) -> str | None:
    try:
        parse(str(value))
    except ValueError:
        return f"expected {expected}"
    return None if isinstance(value, str) and len(value) == length else f"expected {expected}"
