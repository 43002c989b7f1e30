"""Arrow tables with columns of any type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.writers.spec import Column

MORE = {
    "list": pa.list_(pa.string()),
    "map": pa.map_(pa.string(), pa.int32()),
    "struct": pa.struct([("city", pa.string()), ("visits", pa.int32())]),
    "nested": pa.struct([("deep", pa.list_(pa.struct([("at", pa.timestamp("ns"))])))]),
    "empty_struct": pa.struct([]),
    "timestamp[ns, UTC]": pa.timestamp("ns", "UTC"),
    "timestamp[us, UTC]": pa.timestamp("us", "UTC"),
}
"""Types by names of our own."""
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")


def table(columns: Sequence[Column]) -> pa.Table:
    """Return a table; several columns may have the same name."""
    arrays = [array(column.type, column.values) for column in columns]
    return pa.Table.from_arrays(arrays, names=[column.name for column in columns])


def array(name: str, values: Sequence[Any]) -> pa.Array:
    """Return the values of a column.

    :param name: type of the column
    """
    if name == "string_bytes":  # labeled as text, whatever it is
        return pa.array([None if value is None else bytes.fromhex(value) for value in values], pa.binary()).view(
            pa.string()
        )
    if name == "map":
        values = [list(map(tuple, pairs)) for pairs in values]
    if name == "dictionary":
        return pa.array(values, pa.string()).dictionary_encode()
    if name == "halffloat":
        return pa.array(values, pa.float32()).cast(pa.float16())
    if name in ("binary", "binary[16]", "uuid", "binary[3]"):
        width = int(found[1]) if (found := re.search(r"\[(\d+)\]", name)) else 16
        kind = {"binary": pa.binary(), "uuid": pa.uuid()}.get(name, pa.binary(width))
        return pa.array([None if value is None else bytes.fromhex(value) for value in values], kind)
    if found := _DECIMAL.fullmatch(name):
        precision, scale = int(found[1]), int(found[2])
        kind = (pa.decimal128 if precision <= 38 else pa.decimal256)(precision, scale)
        return pa.array([None if value is None else Decimal(value) for value in values], kind)
    if name.startswith(("timestamp", "duration", "time64")):
        return pa.array(values, pa.int64()).cast(MORE.get(name) or pa.type_for_alias(name))
    if name.startswith(("date32", "time32")):
        return pa.array(values, pa.int32()).cast(pa.type_for_alias(name))
    if name == "json":
        return pa.array(values, pa.json_())
    return pa.array(values, MORE.get(name) or pa.type_for_alias(name))
