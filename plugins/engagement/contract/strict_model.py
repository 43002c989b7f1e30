"""The base of all typed documents, and the one way to read them from JSON text.

The text is validated in pydantic's JSON mode: types are strict, and arrays become tuples. It is parsed once more before
that, since pydantic accepts an object that has a key twice.

A field's ``description`` says what its value must be. Error messages and the JSON Schemas both show it.
"""

from __future__ import annotations

import difflib
import json
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from engagement.contract.errors import DocumentError

MAX_FAULTS = 50

Count = Annotated[int, Field(ge=0, description="a whole number of at least 0")]
Date = Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="a date as YYYY-MM-DD")]
# Not Literal[1], which accepts true and 1.0.
Version = Annotated[int, Field(ge=1, le=1, description="1"), WithJsonSchema({"const": 1, "type": "integer"})]


class StrictModel(BaseModel):
    """A document, or a part of one: nothing is converted, added or left out in silence."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        defer_build=True,  # the DAG processor imports the models and validates nothing
    )
    SHOWS_TEXT: ClassVar[bool] = False
    """Whether an error message may repeat a text that is wrong."""


Model = TypeVar("Model", bound=StrictModel)


def parse(model: type[Model], text: str | bytes) -> Model:
    """Return the document that a JSON text holds.

    :raises DocumentError: with every fault of the text
    """
    try:
        json.loads(text, object_pairs_hook=_unique)
    except DocumentError:
        raise
    except (ValueError, RecursionError) as error:
        raise DocumentError([f"not JSON: {error}"]) from None
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise DocumentError(list_faults(error, model)) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise DocumentError([f"key {name!r} is given twice"])
        found[name] = value
    return found


def list_faults(error: ValidationError, model: type[StrictModel]) -> list[str]:
    """Return what pydantic found, one sentence for each fault, in order of the fields' names.

    A document of another version has that one fault: its others would say nothing more.
    """
    faults = sorted(describe_fault(dict(each), model) for each in error.errors(include_url=False))
    faults = [fault for fault in faults if fault.startswith("version: ")] or faults
    more = len(faults) - MAX_FAULTS
    return [*faults[:MAX_FAULTS], f"and {more} more"] if more > 0 else faults


def describe_fault(error: dict[str, Any], model: type[StrictModel]) -> str:
    """Return one of pydantic's errors as a sentence."""
    where = ".".join(map(str, error["loc"]))
    field = model.model_fields.get(where)
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where, model.model_fields, n=1) if len(error["loc"]) == 1 else []
        return f"{where} is not a known name" + (f"; did you mean {near[0]}?" if near else "")
    if error["type"] == "json_invalid":
        return f"not JSON: {error['ctx']['error']}"
    prefix = f"{where}: " if where else ""
    if error["type"] == "missing":
        return f"{prefix}required"
    if field is not None and field.description:
        expected = field.description
    elif error["type"] == "model_type":
        expected = "a JSON object"
    elif error["type"] == "value_error":
        return f"{prefix}{error['ctx']['error']}"
    else:
        message = str(error["msg"])
        expected = message.removeprefix("Input should be ")
        if expected == message:
            return f"{prefix}{message[:1].lower()}{message[1:]}"
    if field is not None and not field.repr:
        return f"{prefix}expected {expected}, got a {type(error['input']).__name__} that is not shown"
    return f"{prefix}expected {expected}, got {_got(error['input'], shows_text=model.SHOWS_TEXT and bool(where))}"


def _got(value: Any, *, shows_text: bool) -> str:
    is_plain = value is None or isinstance(value, int | float)
    return repr(value) if shows_text or is_plain else f"a {type(value).__name__}"
