"""Read an extract, score each row, write CSV: `python -m benchmarks.score.peers NAME SOURCE TARGET`.

Nothing is validated, compared or counted. Each library is used as in its documentation. Runs in the Glue environment
(Spark) or in the environment of the peers.
"""

from __future__ import annotations

import functools
import importlib
import operator
import sys
from collections.abc import Callable

_HEADER = ("UserID", "Calculated_Score", "Timestamp")
_AT = "2026-11-23T03:00:00Z"
# Metric, weight and cap as in the data contract; a wrong number would change the mean score and end the benchmark.
_METRICS = (
    ("login_count", 0.20, 10),
    ("items_viewed", 0.25, 100),
    ("time_spent_minutes", 0.25, 120),
    ("cart_additions", 0.30, 8),
)


def spark(source: str, target: str) -> None:
    """Score with PySpark and its defaults."""
    from pyspark.sql import SparkSession  # the other environment has no Spark
    from pyspark.sql import functions as f

    session = SparkSession.builder.appName("bare").getOrCreate()
    shares = [weight * f.least(f.col(metric) / cap, f.lit(1.0)) for metric, weight, cap in _METRICS]
    score = f.round(f.round(100 * functools.reduce(operator.add, shares), 8), 2).cast("decimal(5,2)")
    columns = zip((f.col("user_id"), score, f.lit(_AT)), _HEADER, strict=True)
    scored = session.read.parquet(source).select(*(column.alias(name) for column, name in columns))
    scored.write.mode("overwrite").csv(target, header=True, escape='"')


def duckdb(source: str, target: str) -> None:
    """Score with DuckDB, in SQL."""
    shares = " + ".join(f"{weight} * least({metric} / {cap}, 1)" for metric, weight, cap in _METRICS)
    user, score, at = _HEADER
    points = f"printf('%.2f', round(round(100 * ({shares}), 8), 2))"
    importlib.import_module("duckdb").sql(
        f"COPY (SELECT user_id AS {user}, {points} AS {score}, '{_AT}' AS {at} FROM read_parquet('{source}')) "  # noqa: S608 - constants
        f"TO '{target}.csv' (HEADER)"
    )


def polars(source: str, target: str) -> None:
    """Score with Polars, streaming."""
    pl = importlib.import_module("polars")
    shares = [weight * pl.min_horizontal(pl.col(metric) / cap, 1.0) for metric, weight, cap in _METRICS]
    score = (100 * functools.reduce(operator.add, shares)).round(8).round(2)
    columns = zip((pl.col("user_id"), score, pl.lit(_AT)), _HEADER, strict=True)
    scored = pl.scan_parquet(source).select(column.alias(name) for column, name in columns)
    scored.sink_csv(f"{target}.csv", float_precision=2)


def pandas(source: str, target: str) -> None:
    """Score with pandas, in memory."""
    pd = importlib.import_module("pandas")
    rows = pd.read_parquet(source, columns=["user_id", *(metric for metric, *_ in _METRICS)])
    shares = [weight * (rows[metric] / cap).clip(upper=1) for metric, weight, cap in _METRICS]
    score = (100 * functools.reduce(operator.add, shares)).round(8).round(2)
    table = pd.DataFrame(dict(zip(_HEADER, (rows["user_id"], score, _AT), strict=True)))
    table.to_csv(f"{target}.csv", index=False, float_format="%.2f")


PEERS: dict[str, Callable[[str, str], None]] = {"spark": spark, "duckdb": duckdb, "polars": polars, "pandas": pandas}

if __name__ == "__main__":
    PEERS[sys.argv[1]](sys.argv[2], sys.argv[3])
