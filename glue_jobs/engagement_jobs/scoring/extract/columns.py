"""The needed columns of a file: which type its Parquet footer gives them, and why a file is refused.

The footer's own schema decides, not what Spark, pandas or another program stored next to it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow.parquet as pq
from pyspark.sql.types import (
    DataType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    NullType,
    StringType,
)

from engagement_jobs.contract.errors import SchemaError
from engagement_jobs.scoring.extract import column_faults
from engagement_jobs.scoring.extract.footers import ExtractFile
from engagement_jobs.scoring.weights import Weights

UNTYPED = NullType()
"""Type of a column that has only nulls and was written without a type."""
_EXPECTED = {
    "string": "string",
    "integer": "an integer",
    "number": "a floating, decimal or integer number",
}
"""For each type of the contract: how error messages describe it."""
_UNANNOTATED = {"INT32": IntegerType(), "INT64": LongType()}
_FLOATING = {"FLOAT": FloatType(), "DOUBLE": DoubleType()}
_TEXT = ("String", "Enum", "JSON")
_MAX_PRECISION = 38  # Spark's


def column_types(file: ExtractFile, weights: Weights, spark_version: str) -> tuple[DataType, ...]:
    """Return the types with which Spark reads the needed columns of a file, in the order of `weights.columns`.

    :return: `UNTYPED` for a column without type and values
    :raises SchemaError: names every needed column that is missing, ambiguous or has another type, and every other
        column that keeps Spark from reading the file
    """
    schema = file.metadata.schema
    leaves = [schema.column(number) for number in range(len(schema))]
    durations = column_faults.durations(file.metadata)
    contract_types = {"user_id": "string", **{metric.name: metric.type for metric in weights.metrics}}
    types: list[DataType] = []
    faults: list[str] = []
    for name, contract_type in contract_types.items():
        same = [leaf for leaf in leaves if leaf.path == name]
        found = None if len(same) != 1 or name in durations else _spark_type(same[0], contract_type)
        if found is None:
            found = UNTYPED
            faults.append(_fault(name, contract_type, same, leaves, durations))
        types.append(found)
    faults += column_faults.unreadable(schema, leaves, weights.columns, spark_version)
    if faults:
        raise SchemaError(
            f"{file.uri}: {column_faults.list_faults(faults)}. Its columns are: {column_faults.list_names(leaves)}. "
            "Have the extract written with the expected types, then clear check_activity."
        )
    return tuple(types)


def common_type(name: str, types: Sequence[DataType]) -> DataType:
    """Return the type to which a column's types in different files are cast.

    An integer stays exact. Numbers become doubles, as in the formula.
    """
    typed = set(types) - {UNTYPED}
    if len(typed) == 1:
        return typed.pop()
    if name == "user_id":
        return StringType()
    if all(isinstance(each, (IntegerType, LongType)) for each in typed):
        return LongType()
    if all(isinstance(each, (IntegerType, LongType)) or _is_whole(each) for each in typed):
        return DecimalType(_MAX_PRECISION, 0)
    return DoubleType()


def _is_whole(kind: DataType) -> bool:
    return isinstance(kind, DecimalType) and kind.scale == 0


def _spark_type(leaf: pq.ColumnSchema, contract_type: str) -> DataType | None:
    """Return the type of a column, or None if it is not of the contract's type."""
    if leaf.max_repetition_level:
        return None
    logical = json.loads(leaf.logical_type.to_json())
    if logical["Type"] == "Null":
        return UNTYPED
    if contract_type == "string":
        return StringType() if logical["Type"] in _TEXT else None
    found: DataType | None = None
    if logical["Type"] == "None":
        found = _UNANNOTATED.get(leaf.physical_type) or _FLOATING.get(leaf.physical_type)
    elif logical["Type"] == "Int":
        found = _integer_type(logical["bitWidth"], logical["isSigned"])
    elif logical["Type"] == "Decimal" and leaf.precision <= _MAX_PRECISION:
        found = DecimalType(leaf.precision, leaf.scale)
    is_integer = isinstance(found, (IntegerType, LongType)) or (found is not None and _is_whole(found))
    return found if is_integer or contract_type == "number" else None


def _integer_type(bits: int, is_signed: bool) -> DataType:
    if bits == 64 and not is_signed:
        return DecimalType(20, 0)
    return LongType() if bits == 64 or (bits == 32 and not is_signed) else IntegerType()


def _fault(
    name: str,
    contract_type: str,
    same: Sequence[pq.ColumnSchema],
    leaves: Sequence[pq.ColumnSchema],
    durations: frozenset[str],
) -> str:
    expected = _EXPECTED[contract_type]
    if len(same) > 1:
        return column_faults.REPEATED.format(name)
    kind = None
    if same:
        kind = "duration" if name in durations else column_faults.describe(same[0])
    elif nested := [leaf.path for leaf in leaves if leaf.path.startswith(f"{name}.")]:
        kind = f"nested ({', '.join(nested[:3])})"
    if kind:
        return f"column {name} is {kind}, expected {expected}"
    similar = column_faults.similar_names(name, leaves)
    hint = f" (the file has {', '.join(map(repr, similar))})" if similar else ""
    return f"column {name} is missing, expected {expected}{hint}"
