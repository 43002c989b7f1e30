"""What is wrong with the columns of a file: their types and names in words, and what Spark cannot read around."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import pyarrow.parquet as pq

from engagement_jobs.scoring.extract.arrow_schema import duration_columns

_KNOWN_TO_SPARK_3 = frozenset(
    "None String Map List Enum Decimal Date Time Timestamp Interval Int Null JSON BSON UUID".split()  # noqa: SIM905
)
"""Logical types that the Parquet library of Spark 3 knows. It fails on a footer that has another one."""
_PHYSICAL = {"BYTE_ARRAY": "binary", "FIXED_LEN_BYTE_ARRAY": "binary", "INT96": "INT96 (timestamp)"}
_VARIANT = re.compile(r"^ +\w+ group field_id=\S+ (.+) \(Variant\(\d+\)\) \{$", re.MULTILINE)
_MAX_NAMES_LENGTH = 500
_MAX_FAULTS = 10
_MAX_NAME_LENGTH = 100
REPEATED = "column {} occurs more than once, expected once"


def describe(leaf: pq.ColumnSchema) -> str:
    """Describe the type of a column."""
    return f"list<{_describe_value(leaf)}>" if leaf.max_repetition_level else _describe_value(leaf)


def _describe_value(leaf: pq.ColumnSchema) -> str:
    """Describe a type by its logical type if it has one, else by its physical type."""
    logical = json.loads(leaf.logical_type.to_json())
    kind = str(logical["Type"])
    if kind == "None":
        return _PHYSICAL.get(leaf.physical_type, str(leaf.physical_type).lower())
    if kind == "Decimal":
        return f"decimal({leaf.precision},{leaf.scale})"
    if kind == "Int":
        return f"{'int' if logical['isSigned'] else 'uint'}{logical['bitWidth']}"
    if kind in ("Time", "Timestamp"):
        return f"{kind.lower()} ({logical['timeUnit']})"
    return kind.upper() if kind == "Float16" or kind.isupper() else kind.lower()


def durations(metadata: pq.FileMetaData) -> frozenset[str]:
    """Return the columns that pandas, Polars or pyarrow wrote from durations.

    Parquet has no such type: they are integers, and only the Arrow schema in the footer says what they mean.
    """
    stored = (metadata.metadata or {}).get(b"ARROW:schema")
    return frozenset() if stored is None else duration_columns(stored)


def similar_names(name: str, leaves: Iterable[pq.ColumnSchema]) -> list[str]:
    """Return the columns whose names differ from `name` in case, blanks or invisible characters only."""
    paths = (leaf.path for leaf in leaves if len(leaf.path) <= _MAX_NAME_LENGTH)
    return [path for path in paths if path != name and _letters(path) == _letters(name)]


def list_faults(faults: Sequence[str]) -> str:
    """List the faults of a file, those of the needed columns first, and count those beyond the first ten."""
    more = len(faults) - _MAX_FAULTS
    return "; ".join(faults[:_MAX_FAULTS]) + (f"; and {more:,} more" if more > 0 else "")


def list_names(leaves: Iterable[pq.ColumnSchema]) -> str:
    """List all columns, on one line of limited length."""
    names = ", ".join(show(leaf.path) for leaf in leaves) or "none"
    return names if len(names) <= _MAX_NAMES_LENGTH else f"{names[:_MAX_NAMES_LENGTH]}…"


def unreadable(
    schema: pq.ParquetSchema, leaves: Sequence[pq.ColumnSchema], needed: Sequence[str], spark_version: str
) -> list[str]:
    """Return what keeps Spark from reading a file although it does not ask for these columns."""
    counts = Counter(leaf.path for leaf in leaves)
    paths = [path for path, count in counts.items() if count > 1 and path not in needed]
    faults = [*_twins(leaves, needed), *(REPEATED.format(show(path)) for path in paths)]
    if spark_version.startswith("3."):
        unknown = {
            leaf.path: _describe_value(leaf) for leaf in leaves if not _is_known(leaf) and leaf.path not in needed
        }
        faults += [
            f"column {show(path)} has type {kind}, which Spark 3 cannot even skip, expected another type or no column"
            for path, kind in {**unknown, **_variants(schema)}.items()
        ]
    return faults


def _twins(leaves: Iterable[pq.ColumnSchema], needed: Sequence[str]) -> list[str]:
    """Return the columns whose names Spark takes for that of a needed one."""
    names = list(dict.fromkeys(leaf.path.partition(".")[0] for leaf in leaves))  # the first part of a nested column
    return [
        f"column {show(name)} differs from column {other} only in case, expected only {other}"
        for other in needed
        for name in names
        if other in names and name != other and name.lower() == other.lower()
    ]


def _is_known(leaf: pq.ColumnSchema) -> bool:
    return json.loads(leaf.logical_type.to_json())["Type"] in _KNOWN_TO_SPARK_3


def _variants(schema: pq.ParquetSchema) -> dict[str, str]:
    """Return the columns of this type. It is that of a group, and pyarrow shows groups in this text only."""
    names: list[str] = _VARIANT.findall(str(schema))
    return dict.fromkeys(names, "VARIANT")


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def show(name: str) -> str:
    """Return a name as messages show it: as it is, or quoted if characters of it would be invisible."""
    return name if name.isprintable() and name == name.strip() and name else repr(name)
