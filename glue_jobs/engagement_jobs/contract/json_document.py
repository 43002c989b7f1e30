"""Reading of a JSON document that an operator wrote, such as the weights."""

from __future__ import annotations

import json
from typing import Any


def load_object(document: bytes) -> dict[str, Any]:
    """Parse a JSON object.

    :raises ValueError: says what is wrong: not JSON, not an object, or a key that stands there twice
    """
    try:
        parsed = json.loads(document, object_pairs_hook=_refuse_duplicate_keys)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    except RecursionError:
        raise ValueError("not JSON: too many levels") from None
    if not isinstance(parsed, dict):
        raise ValueError(f"expected a JSON object, got a {type(parsed).__name__}")
    return parsed


def _refuse_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object. If it has two values for one key, neither is known to be the right one."""
    parsed: dict[str, Any] = {}
    for key, value in pairs:
        if key in parsed:
            raise ValueError(f"duplicate key {key}")
        parsed[key] = value
    return parsed
