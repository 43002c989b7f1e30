"""Phrases for the values that a field accepts. Error messages and the settings page show them."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Expected:
    """The phrase of a type whose constraints do not describe it well. Used in ``Annotated``.

    :param phrase: noun phrase, such as "a bucket name"
    """

    phrase: str


def expected_value(field: FieldInfo) -> str | None:
    """Describe the values that a field accepts, such as "a whole number from 1 to 100".

    :return: None if neither an `Expected` nor the type describes them
    """
    for constraint in field.metadata:
        if isinstance(constraint, Expected):
            return constraint.phrase
    kind = _without_none(field.annotation)
    if kind is bool:
        return "true or false"
    if get_origin(kind) is Literal:
        values = [str(value) for value in get_args(kind)]
        return f"one of {', '.join(values)}" if len(values) > 1 else values[0]
    limits = _limits(field)
    if limits and kind in (int, float):
        return f"a {'whole number' if kind is int else 'number'} {limits}"
    return None


def _without_none(annotation: Any) -> Any:
    """Return T for the annotation ``T | None``, any other annotation unchanged."""
    if NoneType not in get_args(annotation):
        return annotation
    (kind,) = (argument for argument in get_args(annotation) if argument is not NoneType)
    return kind


def _limits(field: FieldInfo) -> str:
    bounds = {
        name: getattr(item, name) for item in field.metadata for name in ("ge", "gt", "le") if hasattr(item, name)
    }
    if "gt" in bounds:
        return f"above {bounds['gt']:.12g}"
    if "ge" in bounds and "le" in bounds:
        return f"from {bounds['ge']:.12g} to {bounds['le']:.12g}"
    return f"of at least {bounds['ge']:.12g}" if "ge" in bounds else ""
