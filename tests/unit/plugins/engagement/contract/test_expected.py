"""Phrases for the values that a field accepts."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from engagement.contract.expected import Expected, expected_value


class Example(BaseModel):
    """One field per kind of phrase."""

    named: Annotated[str, Field(pattern="^s3://"), Expected("an s3:// URI")]
    flag: bool
    choice: Literal["all", "failures"]
    constant: Literal[1]
    at_least: Annotated[int, Field(ge=0)]
    in_range: Annotated[float, Field(ge=0, le=10_200)]
    above: float | None = Field(default=None, gt=0)
    text: str
    number: float


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("named", "an s3:// URI"),
        ("flag", "true or false"),
        ("choice", "one of all, failures"),
        ("constant", "1"),
        ("at_least", "a whole number of at least 0"),
        ("in_range", "a number from 0 to 10200"),
        ("above", "a number above 0"),
        ("text", None),
        ("number", None),
    ],
)
def test_the_phrase_follows_from_type_and_constraints(name: str, phrase: str | None) -> None:
    assert expected_value(Example.model_fields[name]) == phrase
