"""A fault as text: the name of a profile, or a JSON object; each member checked, unknown ones refused."""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from local.crm.faults import Fault
from local.crm.profiles import PROFILES

_MOST = 1e9  # of milliseconds, seconds and requests: what clocks, sleeps and dates can take


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
_MILLISECONDS: _Rule = (lambda value: _is_number(value, 0, _MOST), "a number of milliseconds from 0 to 1e9")
_RULES: dict[str, _Rule] = {
    "status": (lambda value: _is_int(value, 200) and value < 600, "an integer from 200 to 599"),
    "body": (lambda _: True, "any JSON value"),
    "content_type": (_is_text, "a string of printable characters"),
    "headers": (_is_texts, "an object of strings"),
    "retry_after": (lambda value: _is_int(value, 0) or _is_text(value), "seconds or a string"),
    "retry_after_date": (lambda value: _is_int(value, 0) and value <= _MOST, "an integer of seconds from 0 to 1e9"),
    "latency_ms": _MILLISECONDS,
    "answer_after_ms": _MILLISECONDS,
    "slots": (lambda value: _is_int(value, 1), "an integer, 1 or more"),
    "rate": (lambda value: _is_number(value, 0.001, _MOST), "requests per second, a number from 0.001 to 1e9"),
    "burst": (lambda value: _is_number(value, 1, _MOST), "a number from 1 to 1e9"),
    "drop_before": _FLAG,
    "drop_after": _FLAG,
    "down": _FLAG,
    "revoked": _FLAG,
    "after_applying": _FLAG,
    "stored": _FLAG,
    "fraction": (lambda value: _is_number(value, 0, 1), "a number from 0 to 1"),
    "after": (lambda value: _is_int(value, 0), "an integer, 0 or more"),
    "first": (lambda value: _is_int(value, 1), "an integer, 1 or more"),
    "seconds": (lambda value: _is_number(value, 0, _MOST) and value > 0, "a number of seconds above 0, at most 1e9"),
    "for_users": (
        lambda value: isinstance(value, list) and all(isinstance(user, str) for user in value),
        "a list of strings",
    ),
    "seed": (lambda value: _is_int(value, 0), "an integer, 0 or more"),
}
_EFFECTS = frozenset(
    (
        "status", "body", "retry_after", "retry_after_date", "latency_ms", "answer_after_ms", "slots", "rate",
        "drop_before", "drop_after", "down", "revoked",
    )
)  # fmt: skip


def read_fault(text: str | bytes) -> Fault:
    """Return the fault that a JSON object describes, or the one of the profile of that name.

    Raises ValueError, which names the member, what was found and what was wanted, or the known names.
    """
    try:
        told = (text.decode() if isinstance(text, bytes) else text).strip()
    except UnicodeDecodeError:
        raise ValueError("faults: not UTF-8") from None
    if told.startswith("{"):
        return _from_members(_members(told))
    if told not in PROFILES:
        raise ValueError(f"faults: {told[:40]!r} is neither a JSON object nor one of {', '.join(PROFILES)}")
    return PROFILES[told].fault


def _members(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"faults: not valid JSON ({error})") from None
    unknown = sorted(given.keys() - _RULES.keys())
    if unknown:
        raise ValueError(f"faults: unknown {', '.join(unknown)}; known are {', '.join(_RULES)}")
    return {name: value for name, value in given.items() if value is not None}


def _from_members(told: dict[str, Any]) -> Fault:
    for name, value in told.items():
        holds, wanted = _RULES[name]
        if not holds(value):
            raise ValueError(f"faults: {name} is {value!r}, wanted {wanted}")
    if "retry_after" in told and "retry_after_date" in told:
        raise ValueError("faults: retry_after and retry_after_date exclude each other; name one of them")
    if "burst" in told and "rate" not in told:
        raise ValueError("faults: burst is given without rate")
    defaults = {field.name: field.default for field in fields(Fault)}
    if not any(told.get(name, defaults[name]) != defaults[name] for name in _EFFECTS):
        raise ValueError(f"faults: nothing goes wrong; name at least one of {', '.join(sorted(_EFFECTS))}")
    if "for_users" in told:
        told = {**told, "for_users": tuple(told["for_users"])}
    return Fault(**told)
