"""A case of the corpus, and the activity that most of its files have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.writers.spec import NAME, Column, File

SEED = 20261123
_IDS = ("Zoë", "用户", "Smith, J.", 'the "one"', "line\nbreak", " leading", "🛒", "\ufeffmark", "null", "0042")
_DECIMAL = re.compile(r"decimal\(\d+, ?(\d+)\)")


@dataclass(frozen=True)
class Case:
    """An extract with its expected end.

    :param group: what the case is about, in a word
    :param name: unique in the corpus
    :param files: one, or several in a folder
    :param bystanders: files next to it that do not belong to it
    :param refused: words of the one line with which it is refused, None if it is scored
    :param refused_by_spark_3: the same for Spark 3 only
    :param needs_spark_4: Spark 3 does not notice what is wrong
    :param folder: of the files, with a slash at its end; below that of the bystanders
    """

    group: str
    name: str
    files: tuple[File, ...]
    bystanders: tuple[File, ...] = ()
    refused: tuple[str, ...] | None = None
    refused_by_spark_3: tuple[str, ...] | None = None
    needs_spark_4: bool = False
    folder: str = ""

    def __str__(self) -> str:
        """Return group and name."""
        return f"{self.group}: {self.name}"

    @property
    def is_folder(self) -> bool:
        """Whether the extract is a folder."""
        return len(self.files) > 1

    def refusal(self, spark_version: str) -> tuple[str, ...] | None:
        """Return the words with which this version of Spark refuses it, None if it is scored."""
        return self.refused_by_spark_3 or self.refused if spark_version.startswith("3.") else self.refused


def scored(group: str, name: str, *files: File, **more: Any) -> Case:
    """Return a case that is scored."""
    return Case(group, name, files, **more)


def refused(group: str, name: str, words: Sequence[str], *files: File, **more: Any) -> Case:
    """Return a case that is refused.

    :param words: what the message has to contain
    """
    return Case(group, name, files, refused=tuple(words), **more)


def file(
    writer: str,
    columns: Sequence[Column] | None = None,
    *,
    name: str = NAME,
    damage: dict[str, Any] | None = None,
    **options: Any,
) -> File:
    """Return a file, by default of ordinary activity."""
    return File(writer, tuple(activity() if columns is None else columns), options, damage or {}, name)


def activity(
    changed: Mapping[str, str] | None = None, *, count: int = 12, seed: int = 0, **types: str
) -> tuple[Column, ...]:
    """Return the activity of some users, of a user with equal rows and one with different rows, and an invalid row.

    :param changed: types of columns, if not the usual ones, like `types`
    :param count: number of users
    """
    random = Random(SEED + seed)  # noqa: S311 - the same rows each time
    numbered = [f"U{seed}-{number}" for number in range(count)]
    users = numbered if seed else [*_IDS, *numbered][:count]
    rows = [
        (user, random.randint(0, 13), random.randint(0, 127), random.randint(0, 520) / 4, random.randint(0, 10))
        for user in users
    ]
    twin = rows[1]
    rows += [rows[0], (*twin[:2], (twin[2] + 1) % 128, *twin[3:])]
    usual = {"user_id": "string", "login_count": "int32", "items_viewed": "int64", "time_spent_minutes": "double"}
    kinds = {**usual, "cart_additions": "int16", **types, **(changed or {})}
    if not kinds["time_spent_minutes"].startswith("uint"):
        rows.append((f"minus{seed}", 1, 1, -2.0, 1))
    return tuple(
        Column(name, kind, tuple(convert(row[place], kind) for row in rows))
        for place, (name, kind) in enumerate(kinds.items())
    )


def with_values(columns: Sequence[Column], name: str, *values: Any) -> tuple[Column, ...]:
    """Replace the first values of a column."""
    return tuple(
        Column(name, each.type, (*values, *each.values[len(values) :])) if each.name == name else each
        for each in columns
    )


def constant(columns: Sequence[Column], name: str, kind: str, value: Any) -> Column:
    """Return a column with the same value in all rows of others."""
    return Column(name, kind, (value,) * len(columns[0].values))


def without(columns: Sequence[Column], *names: str) -> tuple[Column, ...]:
    """Leave columns out."""
    return tuple(column for column in columns if column.name not in names)


def renamed(columns: Sequence[Column], old: str, new: str) -> tuple[Column, ...]:
    """Rename a column."""
    return tuple(Column(new if each.name == old else each.name, each.type, each.values) for each in columns)


def convert(value: Any, kind: str) -> Any:
    """Return a value as a column of a type has it."""
    if value is None or (isinstance(value, str) and kind in ("string", "large_string", "string_view", "dictionary")):
        return value
    if kind in ("string_bytes", "binary"):
        return str(value).encode().hex()
    if found := _DECIMAL.fullmatch(kind):
        return f"{value:.{found[1]}f}"
    if kind in ("float", "double", "halffloat"):
        return float(value)
    if kind in ("string", "json"):
        return str(value)
    if kind == "bool":
        return bool(value)
    return int(value) if not isinstance(value, str) else sum(value.encode())
