"""JSON bodies of CRM responses: what their fields report. Names and words are compared without case.

`isSuccess`, `is_success` and `IS-SUCCESS` are the same name.
"""

from __future__ import annotations

import enum
import functools
import itertools
import json
import re
from collections.abc import Callable, Collection
from typing import Any, Final

from engagement_jobs.crm_client import json_words
from engagement_jobs.crm_client.json_names import Kind, kind_of

# What a body reports: bits, because one body may report several things.
SUCCESS: Final = 1
FAILURE: Final = 2
LIMIT: Final = 4
EXECUTION_ERROR: Final = 8
RECORD_LIMIT: Final = 16  # a limit in a field that records have too: it counts only if the response is a failure

# What is deeper, or comes later, is not read.
_MAX_DEPTH = 8
_MAX_NODES = 1_000
_MAX_STATE_LENGTH = 200  # of a text in a status field; the rest is not read
_TOO_MANY_REQUESTS = 429
_LEADING_STATUS = re.compile(r"(?:http[/\d.]*\s+)?(\d{3})(?!\d)", re.IGNORECASE)
_SUCCESS_CODE = re.compile(r"0+|2\d\d", re.ASCII)


def _keep_contradictions(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object in which an earlier member of the same name is kept, under a name that is read alike."""
    value = dict(pairs)
    if len(value) < len(pairs):
        for name, member in pairs:
            if member is not value[name]:
                value.setdefault(name + "_", member)
    return value


_decode = json.JSONDecoder(object_pairs_hook=_keep_contradictions).raw_decode


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


class _Place(enum.Enum):
    """Where in the body a value is."""

    RESPONSE = enum.auto()  # the body itself, or a container in it
    ERROR = enum.auto()  # in an error: only a limit matters
    RECORD = enum.auto()  # anywhere else, such as in a record that the CRM returns


def evaluate(value: Any) -> int:
    """Return what a parsed body reports, as the sum of the constants above."""
    found, nodes = 0, 0
    queue = [(value, 0, _Place.RESPONSE)]
    for node, depth, place in queue:
        members: Collection[tuple[str, Any]] = node.items() if isinstance(node, dict) else _items(node)
        if nodes + len(members) > _MAX_NODES:
            members = list(itertools.islice(members, _MAX_NODES - nodes))
        nodes += len(members)
        for name, member in members:
            kind = kind_of(name)
            reported = 0 if kind is Kind.OTHER else _read(kind, member, place)
            found |= reported
            if isinstance(member, dict | list) and depth < _MAX_DEPTH:
                queue.append((member, depth + 1, _place_in(kind, place, reported)))
    return found


def is_limit(found: int) -> bool:
    """Return whether a success reports that a limit is exceeded rather than that it did what was requested."""
    if found & FAILURE:
        return bool(found & (LIMIT | RECORD_LIMIT))
    return bool(found & LIMIT) and not found & SUCCESS


def _items(node: Any) -> Collection[tuple[str, Any]]:
    return [("", item) for item in node[:_MAX_NODES]] if isinstance(node, list) else ()


def _place_in(kind: Kind, place: _Place, reported: int) -> _Place:
    """Return where the content of a member is."""
    if place is _Place.ERROR or kind is Kind.ITEM:
        return place
    if reported & (FAILURE | EXECUTION_ERROR):
        return _Place.ERROR
    if place is _Place.RESPONSE:
        return _PLACES.get(kind, _Place.RECORD)
    return _Place.RECORD


def _read(kind: Kind, value: Any, place: _Place) -> int:
    """Return what one member reports, without its content if it is a list or an object."""
    if place is _Place.RECORD:
        is_failure = value is False if kind is Kind.SUCCESS else isinstance(value, dict | list) and _means_error(value)
        return FAILURE if is_failure and kind in (Kind.SUCCESS, Kind.ERROR) else 0
    reported = _READERS[kind](value)
    if place is _Place.ERROR:
        return LIMIT if reported & (LIMIT | RECORD_LIMIT) else 0
    return 0 if kind is Kind.ITEM else reported


def _read_success(value: Any) -> int:
    if isinstance(value, str):
        word = value.strip().lower()
        return FAILURE if word in json_words.FALSE_WORDS else SUCCESS if word in json_words.SUCCESS_WORDS else 0
    if isinstance(value, bool | int | float):
        return SUCCESS if value else FAILURE
    return 0


def _read_container(value: Any) -> int:
    # {"result": "failed"}; a number may be anything
    return _read_status(value) if isinstance(value, str | bool) else 0


def _read_status(value: Any) -> int:
    if isinstance(value, str):
        return _read_state(value[:_MAX_STATE_LENGTH])
    if isinstance(value, bool):
        return SUCCESS if value else FAILURE
    return _read_number(value) if isinstance(value, int | float) else 0


@functools.lru_cache(maxsize=1024)
def _read_state(text: str) -> int:
    number = _LEADING_STATUS.match(text.strip())
    if number:
        return _read_number(int(number[1]))
    state = json_words.state(text)
    return (0 if state is None else SUCCESS if state else FAILURE) | _read_message(text)


def _read_number(status: float) -> int:
    if status == _TOO_MANY_REQUESTS:
        return FAILURE | LIMIT
    return FAILURE if status >= 400 else SUCCESS if 200 <= status < 300 else 0


def _read_error(value: Any) -> int:
    return FAILURE | _read_message(value) if _means_error(value) else 0


def _read_execution_error(value: Any) -> int:
    return EXECUTION_ERROR | _read_message(value) if _means_error(value) else 0


def _read_code(value: Any) -> int:
    if _is_success_code(value):
        return SUCCESS
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _read_number(value) if 400 <= value < 600 else 0  # other numbers are codes of the CRM's own
    return _read_message(value)


def _is_success_code(value: Any) -> bool:
    return isinstance(value, str | int) and _SUCCESS_CODE.fullmatch(str(value)[:9]) is not None


def _read_message(value: Any) -> int:
    return LIMIT if isinstance(value, str) and json_words.names_limit(value) else 0


def _read_record_text(value: Any) -> int:
    return RECORD_LIMIT if _read_message(value) else 0


def _means_error(value: Any, depth: int = 0) -> bool:
    """Return whether the value of an error field is an error."""
    if isinstance(value, str):
        return not json_words.means_no_error(value)
    if depth > _MAX_DEPTH or not isinstance(value, dict | list):
        return bool(value)
    if isinstance(value, list):
        return any(isinstance(item, dict | list) or _means_error(item, depth + 1) for item in value)
    if any(_is_success_code(member) for name, member in value.items() if name.lower() in _CODES):
        return False
    return any(_means_error(member, depth + 1) for member in value.values())


_CODES = ("code", "status", "statuscode", "errorcode", "errcode")
_READERS: Final[dict[Kind, Callable[[Any], int]]] = {
    Kind.ITEM: _read_message,
    Kind.SUCCESS: _read_success,
    Kind.STATUS: _read_status,
    Kind.CONTAINER: _read_container,
    Kind.ERROR: _read_error,
    Kind.EXECUTION_ERROR: _read_execution_error,
    Kind.CODE: _read_code,
    Kind.MESSAGE: _read_message,
    Kind.RECORD_TEXT: _read_record_text,
}
# What the content of these members belongs to; that of all others may be a record.
_PLACES: Final = {
    Kind.CONTAINER: _Place.RESPONSE,
    Kind.STATUS: _Place.RESPONSE,
    Kind.CODE: _Place.ERROR,
    Kind.MESSAGE: _Place.ERROR,
    Kind.RECORD_TEXT: _Place.ERROR,
}
