"""What a CRM document states about responses. What it does not state follows the built-in rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class DeclaredResponses:
    """The response part of a CRM document.

    :param success: statuses of a success; None if every 2xx is one
    :param pointer: JSON pointer (RFC 6901) to the value that shows a success, split into its parts; None without one
    :param values: values there that show a success
    :param final: statuses with which the CRM refuses the user
    :param pushback: statuses with which the CRM asks to send later; the score was not applied
    """

    success: frozenset[int] | None = None
    pointer: tuple[str, ...] | None = None
    values: tuple[Scalar, ...] = ()
    final: frozenset[int] = frozenset()
    pushback: frozenset[int] = frozenset()

    def is_success(self, status: int) -> bool:
        """Return whether a status is one of a success, as far as the status shows it."""
        return 200 <= status < 300 if self.success is None else status in self.success

    def shows_success(self, value: Any) -> bool:
        """Return whether a value at the pointer is one of the declared ones; `true` is not 1."""
        return any(isinstance(value, bool) == isinstance(each, bool) and value == each for each in self.values)


def split_pointer(pointer: str) -> tuple[str, ...]:
    """Split a JSON pointer into its parts; it is valid."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def value_at(document: Any, pointer: tuple[str, ...]) -> Scalar:
    """Return the value at a JSON pointer.

    :raises LookupError: there is none, or it is an object or an array
    """
    for part in pointer:
        if isinstance(document, dict):
            document = document[part]
        elif isinstance(document, list) and _INDEX.fullmatch(part):
            document = document[int(part)]
        else:
            raise LookupError(part)
    if isinstance(document, dict | list):
        raise LookupError(pointer)
    value: Scalar = document
    return value
