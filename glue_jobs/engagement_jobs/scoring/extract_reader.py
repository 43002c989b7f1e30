"""The extract as one DataFrame: exactly the files that were checked, each with the columns of the contract."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import IntegralType

from engagement_jobs.common.aws import Store, split_uri
from engagement_jobs.contract.arguments import ScoreArguments
from engagement_jobs.contract.errors import SchemaError
from engagement_jobs.scoring.row_validation import check_schema
from engagement_jobs.scoring.weights import Weights

_FILES_AT_ONCE = 8


def read_extract(spark: SparkSession, arguments: ScoreArguments, weights: Weights) -> DataFrame:
    """Read the user ids and metrics of all rows. Files that were added to the folder later are not read.

    :raises SchemaError: names the file that is not Parquet, or whose column is missing or has another type
    """
    store = Store(split_uri(arguments.input_uri)[0])
    uris = [store.uri(key) for key in arguments.input_etags]
    # To read a file's footer takes little CPU, but several round trips.
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        frames = list(pool.map(lambda uri: check_schema(_open(spark, uri), weights, uri), uris))
    if len(frames) == 1:
        return frames[0]
    uris_by_schema: dict[str, list[str]] = {}
    for uri, frame in zip(uris, frames, strict=True):
        uris_by_schema.setdefault(frame.schema.simpleString(), []).append(uri)
    parts = [spark.read.parquet(*group).select(*weights.columns) for group in uris_by_schema.values()]
    if len(parts) == 1:
        return parts[0]
    return reduce(DataFrame.unionByName, (_widen_metrics(part) for part in parts))


def count_rows_by_file(rows: DataFrame, keys: list[str], total: int) -> dict[str, int]:
    """Count the rows of each file. Spark reads only footers for it, and nothing if there is one file.

    :param total: number of all rows
    """
    if len(keys) == 1:
        return {keys[0]: total}
    counts = dict.fromkeys(keys, 0)
    for uri, count in rows.groupBy(F.input_file_name()).count().collect():
        path = unquote(uri)
        # One key may be the end of another, if a folder contains a folder of the same name: the longer one is meant.
        counts[max((key for key in keys if path.endswith(f"/{key}")), key=len)] += count
    return counts


def _open(spark: SparkSession, uri: str) -> DataFrame:
    try:
        return spark.read.parquet(uri)
    except Exception as error:
        raise SchemaError(
            f"{uri} cannot be read as Parquet: {_root_cause(error)}. Have the extract written again, then clear "
            "check_activity."
        ) from error


def _root_cause(error: Exception) -> str:
    """Return the last cause that Java lists; those before it are layers of Spark."""
    lines = str(error).splitlines() or [type(error).__name__]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return (causes[-1] if causes else lines[0])[:200]


def _widen_metrics(part: DataFrame) -> DataFrame:
    """Cast the metrics to long or double, so that files with different widths fit together.

    The formula casts all metrics to double anyway; a long keeps integers exact until then.
    """
    columns = []
    for field in part.schema.fields:
        column = F.col(field.name)
        if field.name != "user_id":
            column = column.cast("long" if isinstance(field.dataType, IntegralType) else "double").alias(field.name)
        columns.append(column)
    return part.select(*columns)
