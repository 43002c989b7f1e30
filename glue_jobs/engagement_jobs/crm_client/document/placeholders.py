"""Templates of the CRM document: text with `{field}` placeholders, in which `{{` and `}}` stand for braces."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

RUN_FIELDS: Final = ("score_date", "scored_at", "weights_version")
"""Fields with one value in a run."""
USER_FIELDS: Final = ("user_id", "score", "idempotency_key")
"""Fields with a value for each user."""
FIELDS: Final = ("user_id", "score", *RUN_FIELDS, "idempotency_key")
_NUMBER: Final = "score:number"
_PIECES = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+")


@dataclass(frozen=True)
class Field:
    """A placeholder.

    :param name: one of `FIELDS`
    """

    name: str


Template = tuple[str | Field, ...]
"""Literal text and placeholders, in order."""


def parse_text(text: str) -> Template:
    """Parse a template of text.

    :raises ValueError: says what is wrong with a placeholder
    """
    return tuple(_parse_piece(piece) for piece in _PIECES.findall(text))


def _parse_piece(piece: str) -> str | Field:
    if piece in ("{{", "}}"):
        return piece[0]
    if piece[0] not in "{}":
        return piece
    if len(piece) == 1:
        raise ValueError(
            f"has a single {piece}, expected {{field}} with the name of a field, or {piece * 2} for a brace"
        )
    if piece[1:-1] == _NUMBER:
        raise ValueError(f"has {piece} next to other text, expected it to be the full text of a value in the body")
    if piece[1:-1] not in FIELDS:
        raise ValueError(f"has {piece}, expected one of the fields {', '.join((*FIELDS, _NUMBER))}")
    return Field(piece[1:-1])


def parse_json(value: Any) -> Template:
    """Parse a JSON value with templates in its texts; the result is a template of its JSON text.

    :raises ValueError: says what is wrong and where
    """
    return tuple(_json_pieces(value, ""))


def _json_pieces(value: Any, place: str) -> Iterator[str | Field]:
    if isinstance(value, dict):
        for index, (name, member) in enumerate(value.items()):
            if "{" in name or "}" in name:
                raise ValueError(f"has the member name {name}, expected names without braces")
            _check_characters(name, place)
            yield f"{', ' if index else '{'}{_json(name)}: "
            yield from _json_pieces(member, f"{place}/{name}")
        yield "}" if value else "{}"
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield ", " if index else "["
            yield from _json_pieces(item, f"{place}/{index}")
        yield "]" if value else "[]"
    elif isinstance(value, str):
        yield from _string_pieces(value, place)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"has {value} at {place}, expected a number that JSON has")
    else:
        yield _json(value)


def _string_pieces(text: str, place: str) -> Iterator[str | Field]:
    if text == f"{{{_NUMBER}}}":
        yield Field("score")  # its text with two decimals is a JSON number too
        return
    _check_characters(text, place)
    try:
        pieces = parse_text(text)
    except ValueError as error:
        raise ValueError(f"{error}, at {place}" if place else str(error)) from None
    yield '"'
    yield from (_json(piece)[1:-1] if isinstance(piece, str) else piece for piece in pieces)
    yield '"'


def _check_characters(text: str, place: str) -> None:
    """Refuse half of a surrogate pair, which JSON can name and UTF-8 cannot encode."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"has half of a surrogate pair at {place}, expected characters that UTF-8 can encode")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def fill(template: Template, values: Mapping[str, str], escape: Callable[[str], str]) -> Template:
    """Replace the placeholders that have a value.

    :param escape: how a value is written into the text
    """
    return tuple(
        escape(values[piece.name]) if isinstance(piece, Field) and piece.name in values else piece for piece in template
    )


def names(template: Template) -> set[str]:
    """Return the names of a template's fields."""
    return {piece.name for piece in template if isinstance(piece, Field)}


def to_format(template: Template) -> str:
    """Return a template as a format for the values of `USER_FIELDS` in their order, which renders fast."""
    return "".join(
        piece.replace("{", "{{").replace("}", "}}")
        if isinstance(piece, str)
        else f"{{{USER_FIELDS.index(piece.name)}}}"
        for piece in template
    )
