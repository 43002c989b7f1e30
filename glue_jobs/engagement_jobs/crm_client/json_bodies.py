"""JSON bodies of CRM responses: what their fields report. Names and words are compared without case.

`isSuccess`, `is_success` and `IS-SUCCESS` are the same name.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from typing import Any, Final

_decode = json.JSONDecoder().raw_decode

# What a body reports: bits, because one body may report several things.
SUCCESS: Final = 1
FAILURE: Final = 2
LIMIT: Final = 4
EXECUTION_ERROR: Final = 8

# Where the status of the update may be inside a body: the greatest depth, and the members to descend into.
_MAX_DEPTH = 8
_NESTED_NAMES = frozenset({"results", "result", "data"})
_MAX_NAME_LENGTH = 40  # longer than every name below
_MAX_STATE_LENGTH = 200  # of a text in a status field; the rest is not read
_TOO_MANY_REQUESTS = 429

_SUCCESS_NAMES = frozenset(
    {"success", "ok", "issuccess", "isok", "successful", "issuccessful", "succeeded", "issuccessstatuscode"}
)
_STATUS_NAMES = frozenset({"status", "statuscode", "httpstatus", "httpstatuscode", "httpcode", "responsestatus"})
_ERROR_NAMES = frozenset(
    {"error", "haserror", "iserror", "errorcode", "errcode", "errno", "errorcount", "failed", "failures", "exception"}
)
_EXECUTION_ERROR_NAMES = frozenset({"errormessage", "errortype"})
# Fields whose text may name a limit.
_MESSAGE_NAMES = frozenset(
    {"message", "msg", "errmsg", "reason", "detail", "title", "type", "description", "errordescription"}
)
_SUCCESS_WORDS = frozenset(
    [
        "true",
        "ok",
        "success",
        "succeeded",
        "successful",
        "updated",
        "created",
        "accepted",
        "queued",
        "done",
        "complete",
        "completed",
        "processed",
        "saved",
        "applied",
    ]
)
_FAILURE_WORDS = frozenset(
    [
        "false",
        "error",
        "errors",
        "fail",
        "failed",
        "failure",
        "rejected",
        "invalid",
        "exception",
        "denied",
        "refused",
        "unsuccessful",
    ]
)
_FALSE_WORDS = _FAILURE_WORDS | {"no", "n", "0"}
# Values of an error field that mean that there is no error.
_NO_ERROR_WORDS = _SUCCESS_WORDS - {"true"} | frozenset(
    ("", "none", "null", "nil", "false", "no", "no error", "no errors", "n/a", "undefined")
)
_LIMIT = re.compile(r"rate[\W_]*limit|too[\W_]*many[\W_]*requests|requests?[\W_]*limit|quota|throttl", re.IGNORECASE)
_LEADING_STATUS = re.compile(r"(?:http[/\d.]*\s+)?(\d{3})(?!\d)", re.IGNORECASE)
_FIRST_WORD = re.compile(r"\W*([^\W_]+)(?!_)")


def parse_json(text: str) -> Any:
    """Parse a text that is JSON and nothing else.

    :raises ValueError: it is not JSON
    """
    text = text.strip(" \t\r\n")
    try:
        value, end = _decode(text)
    except RecursionError:
        raise ValueError from None
    if end != len(text):
        raise ValueError
    return value


def evaluate(value: Any, depth: int = 0) -> int:
    """Return what a parsed body reports, as the sum of the constants above.

    :param depth: number of members and items around the value
    """
    found = 0
    if depth > _MAX_DEPTH:
        return found
    if isinstance(value, dict):
        for name, member in value.items():
            if len(name) <= _MAX_NAME_LENGTH:
                read = _reader(name)
                if read is not None:
                    found |= read(member, depth)
    elif isinstance(value, list):
        for item in value:
            found |= evaluate(item, depth + 1)
    return found


@functools.lru_cache(maxsize=1024)
def _reader(name: str) -> Callable[[Any, int], int] | None:
    """Return the function that reads a member of this name; None if the name means nothing."""
    plain = re.sub(r"[\W_]", "", name).lower()
    if plain in _NESTED_NAMES:
        return _read_nested
    if plain.endswith("errors"):
        return _read_error
    return next((read for names, read in _READERS if plain in names), None)


def _read_nested(value: Any, depth: int) -> int:
    is_state = isinstance(value, str | bool)  # {"result": "failed"}; a number may be anything
    return _read_status(value, depth) if is_state else evaluate(value, depth + 1)


def _read_success(value: Any, _: int) -> int:
    if isinstance(value, str):
        word = value.strip().lower()
        return FAILURE if word in _FALSE_WORDS else SUCCESS if word in _SUCCESS_WORDS else 0
    if isinstance(value, bool | int | float):
        return SUCCESS if value else FAILURE
    return 0


def _read_status(value: Any, depth: int) -> int:
    if isinstance(value, str):
        return _read_state(value[:_MAX_STATE_LENGTH])
    if isinstance(value, bool):
        return SUCCESS if value else FAILURE
    if isinstance(value, int | float):
        return _read_number(value)
    return evaluate(value, depth + 1)


@functools.lru_cache(maxsize=1024)
def _read_state(text: str) -> int:
    number = _LEADING_STATUS.match(text.strip())
    if number:
        return _read_number(int(number[1]))
    word = _FIRST_WORD.match(text)
    state = word[1].lower() if word else ""
    return (FAILURE if state in _FAILURE_WORDS else SUCCESS if state in _SUCCESS_WORDS else 0) | _name_limit(text)


def _read_number(status: float) -> int:
    if status == _TOO_MANY_REQUESTS:
        return FAILURE | LIMIT
    return FAILURE if status >= 400 else SUCCESS if 200 <= status < 300 else 0


def _read_error(value: Any, depth: int) -> int:
    return FAILURE | _read_message(value, depth) if _means_error(value) else 0


def _read_execution_error(value: Any, depth: int) -> int:
    return EXECUTION_ERROR | _read_message(value, depth) if _means_error(value) else 0


def _read_code(value: Any, depth: int) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _read_number(value) if 400 <= value < 600 else 0  # other numbers are codes of the CRM's own
    return _read_message(value, depth)


def _read_message(value: Any, depth: int) -> int:
    """Return only whether a limit is named."""
    if isinstance(value, str):
        return _name_limit(value)
    if isinstance(value, list):
        return LIMIT if any(_read_message(item, depth + 1) for item in value) else 0
    return evaluate(value, depth + 1) & LIMIT


def _name_limit(text: str) -> int:
    return LIMIT if _LIMIT.search(text) else 0


def _means_error(value: Any, depth: int = 0) -> bool:
    """Return whether the value of an error field is an error."""
    if isinstance(value, str):
        word = value.strip().lower()
        return word not in _NO_ERROR_WORDS and re.fullmatch(r"[-+]?0+(\.0*)?", word) is None
    if depth > _MAX_DEPTH:
        return bool(value)
    if isinstance(value, list):
        return any(isinstance(item, dict | list) or _means_error(item, depth + 1) for item in value)
    if isinstance(value, dict):
        return any(_means_error(member, depth + 1) for member in value.values())
    return bool(value)


_READERS: Final = (
    (_SUCCESS_NAMES, _read_success),
    (_STATUS_NAMES, _read_status),
    (_ERROR_NAMES, _read_error),
    (_EXECUTION_ERROR_NAMES, _read_execution_error),
    (frozenset({"code"}), _read_code),
    (_MESSAGE_NAMES, _read_message),
)
