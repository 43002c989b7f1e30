"""The programs that write Parquet, each in its own way."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import fastparquet
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support import parquet_files
from tests.writers import arrow
from tests.writers.spec import File

SPARK_SCHEMA = "org.apache.spark.sql.parquet.row.metadata"
_KEY = "0123456789112345"


def write_with_pyarrow(
    file: File,
    path: Path,
    spark_schema: list[dict[str, Any]] | None = None,
    encrypted: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
    **options: Any,
) -> None:
    """Write a file with pyarrow.

    :param spark_schema: fields of the schema that an earlier Spark left in the footer
    :param encrypted: columns to encrypt, and whether the footer is plain
    """
    table = arrow.table(file.columns)
    more = dict(metadata or {})
    if spark_schema is not None:
        more[SPARK_SCHEMA] = json.dumps({"type": "struct", "fields": spark_schema})
    if more:
        table = table.replace_schema_metadata(more)
    if encrypted is not None:
        options["encryption_properties"] = parquet_files.encryption(
            encrypted["columns"], plaintext_footer=encrypted["plain_footer"]
        )
    pq.write_table(table, path, **options)


def write_with_pandas(file: File, path: Path, index: bool | None = None, dtypes: str = "numpy", **options: Any) -> None:
    """Write a file with pandas.

    :param dtypes: `numpy`, `nullable` or `arrow`
    """
    _frame(file, dtypes).to_parquet(path, index=index, **options)


def write_with_fastparquet(file: File, path: Path, dtypes: str = "numpy", **options: Any) -> None:
    """Write a file with fastparquet."""
    fastparquet.write(str(path), _frame(file, dtypes), **options)


def write_with_polars(file: File, path: Path, **options: Any) -> None:
    """Write a file with Polars."""
    frame = pl.from_arrow(arrow.table(file.columns))
    assert isinstance(frame, pl.DataFrame)
    frame.write_parquet(path, **options)


def write_with_duckdb(file: File, path: Path, select: str = "*", key: str = "", **options: Any) -> None:
    """Write a file with DuckDB.

    :param select: SQL of the columns
    :param key: name of the key with which all is encrypted
    """
    settings = "".join(f", {name} {value}" for name, value in options.items())
    with duckdb.connect() as connection:
        connection.register("activity", arrow.table(file.columns))
        if key:
            connection.execute("SET force_mbedtls_unsafe = 'true'")
            connection.execute(f"PRAGMA add_parquet_key('{key}', '{_KEY}')")
            settings += f", ENCRYPTION_CONFIG {{footer_key: '{key}'}}"
        connection.execute(f"COPY (SELECT {select} FROM activity) TO '{path}' (FORMAT parquet{settings})")  # noqa: S608


def write_bytes(_: File, path: Path, text: str) -> None:
    """Write what is not Parquet."""
    path.write_bytes(text.encode())


PROGRAMS: dict[str, Callable[..., None]] = {
    "pyarrow": write_with_pyarrow,
    "pandas": write_with_pandas,
    "fastparquet": write_with_fastparquet,
    "polars": write_with_polars,
    "duckdb": write_with_duckdb,
    "bytes": write_bytes,
}


def write(file: File, path: Path) -> None:
    """Write a file with its program."""
    PROGRAMS[file.writer](file, path, **file.options)


def _frame(file: File, dtypes: str) -> pd.DataFrame:
    mapper = {"numpy": None, "arrow": pd.ArrowDtype, "nullable": _NULLABLE.get}[dtypes]
    # `object` is what pandas makes of a column without a value.
    series = {
        column.name: pd.Series(list(column.values), dtype=object)
        if column.type == "object"
        else arrow.array(column.type, column.values).to_pandas(types_mapper=mapper)
        for column in file.columns
    }
    return pd.DataFrame(series)


_NULLABLE = {
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.float32(): pd.Float32Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.string(): pd.StringDtype(),
}
