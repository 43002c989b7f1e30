"""The expected result of the scoring job, computed from the values that were written, with exact fractions.

It reads no Parquet and uses no code of the job. Imports the standard library only.
"""

from __future__ import annotations

import math
import struct
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.writers.spec import Column, File

METRICS = ("login_count", "items_viewed", "time_spent_minutes", "cart_additions")
COLUMNS = ("user_id", *METRICS)
# Points of the score for one unit, and the value from which on there are no more.
_POINTS = {
    "login_count": (Fraction(2), 10),
    "items_viewed": (Fraction(1, 4), 100),
    "time_spent_minutes": (Fraction(5, 24), 120),
    "cart_additions": (Fraction(15, 4), 8),
}
# Unicode's White_Space.
_BLANK = {
    *map(chr, (*range(0x9, 0xE), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F)),
    "\u205f",
    "\u3000",
}
Value = Fraction | str | None  # text for what is not finite
Row = tuple[bytes | None, tuple[Value, ...]]


@dataclass(frozen=True)
class Expected:
    """The expected result.

    :param rows: number of rows by name of the file
    :param scores: score in hundredths by user id
    :param invalid: number of invalid rows by (user id, reason); the id in hexadecimal where it is not UTF-8
    """

    rows: dict[str, int]
    scores: dict[str, int]
    invalid: Counter[tuple[str | None, str]]

    @property
    def counts(self) -> dict[str, int]:
        """The manifest's `rows`."""
        total, scored, invalid = sum(self.rows.values()), len(self.scores), self.invalid.total()
        return {"input": total, "scored": scored, "invalid": invalid, "deduplicated": total - scored - invalid}

    @property
    def histogram(self) -> list[int]:
        """The manifest's `histogram`."""
        bins = Counter(min(cents // 500, 19) for cents in self.scores.values())
        return [bins[number] for number in range(20)]

    @property
    def reasons(self) -> Counter[str]:
        """The manifest's `reasons`."""
        return Counter(reason for _, reason in self.invalid.elements())


def expect(files: Sequence[File]) -> Expected:
    """Compute the result of an extract of these files, if none of them is refused."""
    rows = {file.name: _rows(file) for file in files}
    by_user: dict[bytes | None, list[Row]] = defaultdict(list)
    for row in (row for each in rows.values() for row in each):
        by_user[row[0]].append(row)
    scores: dict[str, int] = {}
    invalid: Counter[tuple[str | None, str]] = Counter()
    for user, same in by_user.items():
        text = _text(user)
        name = user.hex().upper() if user is not None and text is None else text
        differ = len(set(same)) > 1
        reasons = [_reason(row) or ("conflicting_rows" if differ else None) for row in same]
        invalid.update((name, reason) for reason in reasons if reason)
        if not any(reasons):
            assert name is not None
            scores[name] = score(same[0][1])
    return Expected({name: len(each) for name, each in rows.items()}, scores, invalid)


def score(values: Sequence[Value]) -> int:
    """Return the score of valid metrics in hundredths."""
    exact = Fraction(0)
    for name, value in zip(METRICS, values, strict=True):
        points, cap = _POINTS[name]
        assert isinstance(value, Fraction)
        exact += points * min(value, Fraction(cap))
    eighth = math.floor(exact * 10**8 + Fraction(1, 2))
    return (eighth * 2 + 10**6) // (2 * 10**6)


def _rows(file: File) -> list[Row]:
    columns = {column.name: column for column in file.columns}  # of two with the same name, the last one
    if not file.columns:
        return []
    size = len(file.columns[0].values)
    values = {name: _values(columns[name]) if name in columns else [None] * size for name in METRICS}
    users = _users(columns["user_id"])
    return [(user, tuple(values[name][place] for name in METRICS)) for place, user in enumerate(users)]


def _users(column: Column) -> list[bytes | None]:
    as_hex = column.type == "string_bytes"
    return [
        None if value is None else bytes.fromhex(value) if as_hex else str(value).encode() for value in column.values
    ]


def _values(column: Column) -> list[Value]:
    return [_value(value, column.type) for value in column.values]


def _value(value: Any, kind: str) -> Value:
    if value is None:
        return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return "nan" if math.isnan(value) else str(value)
        if kind == "float":
            value = struct.unpack("f", struct.pack("f", value))[0]
    return Fraction(value)


def _text(user: bytes | None) -> str | None:
    try:
        return None if user is None else user.decode()
    except UnicodeDecodeError:
        return None


def _reason(row: Row) -> str | None:
    user, values = row
    if user is None:
        return "user_id_null"
    text = _text(user)
    if text is None:
        return "user_id_not_utf8"
    if set(text) <= _BLANK:
        return "user_id_blank"
    for name, value in zip(METRICS, values, strict=True):
        if value is None:
            return f"{name}_null"
        if isinstance(value, str):
            return f"{name}_{'nan' if value == 'nan' else 'infinite'}"
        if value < 0:
            return f"{name}_negative"
    return None
