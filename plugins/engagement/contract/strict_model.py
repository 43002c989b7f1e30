"""The base class of all typed documents, and the one function that reads them from JSON text.

The text is validated in pydantic's JSON mode: types are strict, and arrays become tuples. The standard library parses
it first, because pydantic accepts an object with a duplicate key.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from engagement.contract.errors import DocumentError
from engagement.contract.expected import Expected, expected_value

MAX_FAULTS = 50
"""Maximum number of faults that one error message lists."""

Count = Annotated[int, Field(ge=0)]
Date = Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), Expected("a date as YYYY-MM-DD")]
# Not Literal[1]: that accepts true and 1.0.
Version = Annotated[int, Field(ge=1, le=1), Expected("1"), WithJsonSchema({"const": 1, "type": "integer"})]


class StrictModel(BaseModel):
    """A document, or a part of one. Values are never converted, and unknown or missing names are errors."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        defer_build=True,  # the DAG processor imports the models but validates nothing
    )
    SHOWS_TEXT: ClassVar[bool] = False
    """Whether an error message may quote an invalid text."""
    OTHER_NAMES: ClassVar[Mapping[str, str]] = {}
    """Names that a reader may know from elsewhere, and the field that an error message suggests instead."""


Model = TypeVar("Model", bound=StrictModel)


def parse(model: type[Model], text: str | bytes) -> Model:
    """Read a document from JSON text.

    :param model: the document's type
    :param text: JSON, as text or as UTF-8 bytes
    :raises DocumentError: with every fault of the text
    """
    try:
        json.loads(text, object_pairs_hook=_reject_duplicate_keys)
    except DocumentError:
        raise
    except (ValueError, RecursionError) as error:
        raise DocumentError([f"not JSON: {error}"]) from None
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise DocumentError(list_faults(error, model)) from None


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise DocumentError([f"duplicate key {name!r}"])
        values[name] = value
    return values


def list_faults(error: ValidationError, model: type[StrictModel]) -> list[str]:
    """Describe what pydantic reports, one clause per fault, sorted by field name.

    A document of another version gets that one fault: the others would only be consequences.
    """
    faults = sorted(describe_fault(dict(each), model) for each in error.errors(include_url=False))
    faults = [fault for fault in faults if fault.startswith("version: ")] or faults
    more = len(faults) - MAX_FAULTS
    return [*faults[:MAX_FAULTS], f"and {more} more"] if more > 0 else faults


def _nearest(name: str, model: type[StrictModel]) -> str | None:
    return model.OTHER_NAMES.get(name) or next(iter(difflib.get_close_matches(name, model.model_fields, n=1)), None)


def describe_fault(error: dict[str, Any], model: type[StrictModel]) -> str:
    """Describe one of pydantic's errors, such as "rows: expected a whole number of at least 0, got -1"."""
    where = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        near = _nearest(where, model) if len(error["loc"]) == 1 else None
        return f"{where} is not a known name" + (f"; did you mean {near}?" if near else "")
    if error["type"] == "json_invalid":
        return f"not JSON: {error['ctx']['error']}"
    prefix = f"{where}: " if where else ""
    if error["type"] == "missing":
        return f"{prefix}required"
    field = model.model_fields.get(where)
    expected = (expected_value(field) if field else None) or _pydantic_expected(error)
    if expected is None:
        return f"{prefix}{_message(error)}"
    if field is not None and not field.repr:
        return f"{prefix}expected {expected}, got a {type(error['input']).__name__} that is not shown"
    return f"{prefix}expected {expected}, got {_got(error['input'], shows_text=model.SHOWS_TEXT and bool(where))}"


def _pydantic_expected(error: dict[str, Any]) -> str | None:
    """Return what pydantic says the value must be, None if its message has another form."""
    if error["type"] == "model_type":
        return "a JSON object"
    message = str(error["msg"])
    expected = message.removeprefix("Input should be ")
    return None if expected == message else expected


def _message(error: dict[str, Any]) -> str:
    """Return the message of a validator, or pydantic's own with a lowercase first letter."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    message = str(error["msg"])
    return f"{message[:1].lower()}{message[1:]}"


def _got(value: Any, *, shows_text: bool) -> str:
    is_plain = value is None or isinstance(value, int | float)
    return repr(value) if shows_text or is_plain else f"a {type(value).__name__}"
