"""The rows of the extract as one DataFrame: exactly the checked files, each with the types of its own footer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import DataType, StructField, StructType

from engagement_jobs.common.aws import split_uri
from engagement_jobs.contract.errors import SchemaError
from engagement_jobs.scoring.extract.columns import UNTYPED, column_types, common_type
from engagement_jobs.scoring.extract.footers import ExtractFile
from engagement_jobs.scoring.weights import Weights

_GLOB_CHARACTER = re.compile(r"[][{}*?\\]")


def read_extract(spark: SparkSession, files: Sequence[ExtractFile], weights: Weights) -> DataFrame:
    """Read the user ids and metrics of all rows. Files without rows are not read.

    Spark is given the types of the footers: it infers none, ignores what an earlier Spark stored in a footer, and does
    not look at other columns.

    :raises SchemaError: names the file whose column is missing, has another type or cannot be read
    """
    uris: dict[tuple[DataType, ...], list[str]] = {}
    for file in files:
        if file.rows:
            uris.setdefault(column_types(file, weights, spark.version), []).append(file.uri)
    names = weights.columns
    common = (common_type(name, [types[place] for types in uris]) for place, name in enumerate(names))
    wanted = StructType([StructField(name, kind) for name, kind in zip(names, common, strict=True)])
    parts = [_read(spark, group, types, wanted) for types, group in uris.items()]
    return reduce(DataFrame.unionByName, parts) if parts else spark.createDataFrame([], wanted)


def _read(spark: SparkSession, uris: Sequence[str], types: Sequence[DataType], wanted: StructType) -> DataFrame:
    """Read files with the same types, and cast them to the common ones."""
    typed = [StructField(name, kind) for name, kind in zip(wanted.names, types, strict=True) if kind != UNTYPED]
    rows = spark.read.schema(StructType(typed)).parquet(*map(_literal_path, uris))
    columns = []
    for field, kind in zip(wanted.fields, types, strict=True):
        column = F.lit(None) if kind == UNTYPED else F.col(field.name)
        columns.append(column if kind == field.dataType else column.cast(field.dataType).alias(field.name))
    return rows.select(*columns)


def _literal_path(uri: str) -> str:
    """Escape what Spark would read as a pattern.

    Spark's own option for it, `__globPaths__`, makes it read each file as often as there are files.

    :raises SchemaError: Hadoop cannot read a pattern with a colon
    """
    key = split_uri(uri)[1]
    if ":" in key and _GLOB_CHARACTER.search(key):
        raise SchemaError(
            f"{uri} has a colon next to brackets, braces, a star, a question mark or a backslash, which Spark cannot "
            "read. Have it written under another name, then clear check_activity."
        )
    return _GLOB_CHARACTER.sub(r"\\\g<0>", uri)
