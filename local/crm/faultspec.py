"""A fault as JSON: each member checked, unknown ones refused."""

import json
import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from local.crm.faults import Fault


def _is_int(value: object, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


def _is_number(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _is_text(value: object) -> bool:
    # A line end in a header would be refused only when it is sent.
    return isinstance(value, str) and value.isprintable()


def _is_texts(value: object) -> bool:
    return isinstance(value, dict) and all(_is_text(name) and _is_text(text) for name, text in value.items())


_Rule = tuple[Callable[[Any], bool], str]
_FLAG: _Rule = (lambda value: isinstance(value, bool), "true or false")
_RULES: dict[str, _Rule] = {
    "status": (lambda value: _is_int(value, 200) and value < 600, "an integer from 200 to 599"),
    "body": (lambda _: True, "any JSON value"),
    "content_type": (_is_text, "a string of printable characters"),
    "headers": (_is_texts, "an object of strings"),
    "retry_after": (lambda value: _is_int(value, 0) or _is_text(value), "seconds or a string"),
    "latency_ms": (lambda value: _is_number(value, 0, math.inf), "a number of milliseconds, 0 or more"),
    "drop_before": _FLAG,
    "drop_after": _FLAG,
    "down": _FLAG,
    "revoked": _FLAG,
    "after_applying": _FLAG,
    "stored": _FLAG,
    "fraction": (lambda value: _is_number(value, 0, 1), "a number from 0 to 1"),
    "after": (lambda value: _is_int(value, 0), "an integer, 0 or more"),
    "first": (lambda value: _is_int(value, 1), "an integer, 1 or more"),
    "for_users": (
        lambda value: isinstance(value, list) and all(isinstance(user, str) for user in value),
        "a list of strings",
    ),
    "seed": (lambda value: _is_int(value, 0), "an integer, 0 or more"),
}
_EFFECTS = frozenset(("status", "body", "retry_after", "latency_ms", "drop_before", "drop_after", "down", "revoked"))


def read_fault(text: str | bytes) -> Fault:
    """Return the fault that a JSON object describes.

    Raises ValueError, which names the member, what was found and what was wanted.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"faults: not valid JSON ({error})") from None
    if not isinstance(given, dict):
        raise ValueError(f"faults: found a JSON {type(given).__name__}, wanted an object")
    unknown = sorted(given.keys() - _RULES.keys())
    if unknown:
        raise ValueError(f"faults: unknown {', '.join(unknown)}; known are {', '.join(_RULES)}")
    defaults = {field.name: field.default for field in fields(Fault)}
    told = {name: value for name, value in given.items() if value is not None}
    for name, value in told.items():
        holds, wanted = _RULES[name]
        if not holds(value):
            raise ValueError(f"faults: {name} is {value!r}, wanted {wanted}")
    if not any(told.get(name, defaults[name]) != defaults[name] for name in _EFFECTS):
        raise ValueError(f"faults: nothing goes wrong; name at least one of {', '.join(sorted(_EFFECTS))}")
    if "for_users" in told:
        told["for_users"] = tuple(told["for_users"])
    return Fault(**told)
