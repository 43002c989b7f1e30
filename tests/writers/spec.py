"""What a file of an extract consists of, as the programs that write it need it.

Imports the standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

NAME = "activity.parquet"


@dataclass(frozen=True)
class Column:
    """A column with its values.

    :param type: Arrow's name of the type, such as `int32` or `timestamp[ns]`, or one of `tests.writers.arrow.MORE`
    :param values: as JSON has them: decimals as text, bytes in hex, times as integers since the epoch
    """

    name: str
    type: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class File:
    """A file and how it is written.

    :param writer: the program that writes it, one of `tests.writers.programs.PROGRAMS` or `spark`
    :param options: keyword arguments of the program
    :param damage: how the file is changed afterwards, with the arguments of `tests.writers.damage`
    :param name: of the object
    """

    writer: str
    columns: tuple[Column, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    damage: Mapping[str, Any] = field(default_factory=dict)
    name: str = NAME

    def __str__(self) -> str:
        """Return writer and options, for reports."""
        return " ".join([self.writer, *(f"{name}={value}" for name, value in {**self.options, **self.damage}.items())])

    def to_json(self) -> str:
        """Return the file as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> File:
        """Read what `to_json` wrote."""
        values = json.loads(text)
        columns = tuple(Column(each["name"], each["type"], tuple(each["values"])) for each in values.pop("columns"))
        return cls(columns=columns, **values)
