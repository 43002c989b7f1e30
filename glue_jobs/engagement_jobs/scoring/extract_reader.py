"""The files of an extract as one DataFrame: exactly those that were checked, each with the columns of the contract."""

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
from engagement_jobs.scoring.validation import check_schema
from engagement_jobs.scoring.weights import Weights

_AT_ONCE = 8


def read_extract(spark: SparkSession, arguments: ScoreArguments, weights: Weights) -> DataFrame:
    """The columns that are scored, of all rows. What came since into the extract's folder is not read.

    :raises SchemaError: names the file that is no Parquet, or lacks a column, or has one of another type
    """
    store = Store(split_uri(arguments.input_uri)[0])
    files = [store.uri(key) for key in arguments.input_etags]
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # a file's footer is soon read, and waited for much longer
        frames = list(pool.map(lambda uri: check_schema(_open(spark, uri), weights, uri), files))
    if len(frames) == 1:
        return frames[0]
    alike: dict[str, list[str]] = {}
    for uri, frame in zip(files, frames, strict=True):
        alike.setdefault(frame.schema.simpleString(), []).append(uri)
    parts = [spark.read.parquet(*uris).select(*weights.columns) for uris in alike.values()]
    return parts[0] if len(parts) == 1 else reduce(DataFrame.unionByName, map(_widened, parts))


def _open(spark: SparkSession, uri: str) -> DataFrame:
    try:
        return spark.read.parquet(uri)
    except Exception as error:
        raise SchemaError(
            f"{uri} cannot be read as Parquet: {_first_cause(error)}. Have the extract written again."
        ) from error


def _first_cause(error: Exception) -> str:
    """What Java names last; before it come only layers of Spark."""
    lines = str(error).splitlines() or [type(error).__name__]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return (causes[-1] if causes else lines[0])[:200]


def _widened(part: DataFrame) -> DataFrame:
    """Metrics in the one type that holds those of all files: they are scored as doubles, and integers stay exact."""
    columns = (
        F.col(field.name)
        if field.name == "user_id"
        else F.col(field.name).cast("long" if isinstance(field.dataType, IntegralType) else "double").alias(field.name)
        for field in part.schema.fields
    )
    return part.select(*columns)


def count_rows_by_file(rows: DataFrame, keys: list[str], total: int) -> dict[str, int]:
    """How many of the `total` rows are of which file: only footers are read, and none where there is but one file."""
    if len(keys) == 1:
        return {keys[0]: total}
    counts = dict.fromkeys(keys, 0)
    for uri, count in rows.groupBy(F.input_file_name()).count().collect():
        path = unquote(uri)
        # A folder may have its own name below itself: then the longer key is meant.
        counts[max((key for key in keys if path.endswith(f"/{key}")), key=len)] += count
    return counts
