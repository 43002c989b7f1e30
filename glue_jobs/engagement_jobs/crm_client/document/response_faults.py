"""Faults of the response part of a CRM document, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

_KEYS: Final = ("success", "final", "pushback")
_SUCCESS_KEYS: Final = ("statuses", "pointer", "values")
_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_WITHOUT_BODY: Final = (204, 205)


def response_faults(response: Any) -> Iterator[str]:
    """Yield the faults of the response part."""
    if not isinstance(response, dict):
        yield f"response is not an object, expected {', '.join(_KEYS)} in an object"
        return
    yield from (f"unknown key response.{key}, expected {', '.join(_KEYS)}" for key in response if key not in _KEYS)
    success = response.get("success", {})
    if isinstance(success, dict):
        yield from _success_faults(success)
    else:
        yield f"response.success is not an object, expected {', '.join(_SUCCESS_KEYS)} in an object"
        success = {}
    lists = {f"response.{name}": response[name] for name in ("final", "pushback") if name in response}
    if "statuses" in success:
        lists = {"response.success.statuses": success["statuses"]} | lists
    for name, statuses in lists.items():
        yield from _status_faults(name, statuses)
    seen: dict[int, str] = {}
    for name, statuses in lists.items():
        for status in _valid(statuses):
            if seen.setdefault(status, name) != name:
                yield f"status {status} is in {seen[status]} and in {name}, expected it in one of them"


def _success_faults(success: dict[str, Any]) -> Iterator[str]:
    for key in success:
        if key not in _SUCCESS_KEYS:
            yield f"unknown key response.success.{key}, expected {', '.join(_SUCCESS_KEYS)}"
    if ("pointer" in success) != ("values" in success):
        yield "response.success has only one of pointer and values, expected both or none"
    pointer, values = success.get("pointer", ""), success.get("values", [""])
    if not isinstance(pointer, str) or not _POINTER.fullmatch(pointer):
        yield f"response.success.pointer is {pointer!r}, expected a JSON pointer such as /result/status"
    if not isinstance(values, list) or not values or any(isinstance(value, dict | list) for value in values):
        yield "response.success.values is invalid, expected a list of texts, numbers, true, false or null"
    if success.get("statuses") == []:
        yield "response.success.statuses is empty, expected at least one status"
    without_body = [status for status in _valid(success.get("statuses")) if status in _WITHOUT_BODY]
    if without_body and "pointer" in success:
        yield f"response.success.statuses has {without_body[0]}, which has no body and so no value at the pointer"


def _status_faults(name: str, statuses: Any) -> Iterator[str]:
    if not isinstance(statuses, list):
        yield f"{name} is not a list, expected a list of statuses"
        return
    for status in statuses:
        if not _is_status(status):
            yield f"{name} has {status!r}, expected statuses from 200 to 599 except 3xx"
        elif status in (401, 407):
            yield f"{name} has {status}, whose meaning is fixed: credentials are refused"
        elif statuses.count(status) > 1:
            yield f"{name} has {status} twice"


def _valid(statuses: Any) -> list[int]:
    return [status for status in statuses if _is_status(status)] if isinstance(statuses, list) else []


def _is_status(status: Any) -> bool:
    return isinstance(status, int) and not isinstance(status, bool) and 200 <= status < 600 and status // 100 != 3
