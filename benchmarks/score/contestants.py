"""Read an extract, score each row, write CSV, and nothing else: `python -m benchmarks.score.contestants NAME FROM TO`.

No row is checked, none compared with another, nothing counted. Each library does it as its own documentation would.
"""

from __future__ import annotations

import functools
import importlib
import operator
import sys
from collections.abc import Callable

from engagement_jobs.columns import SCORES
from engagement_jobs.weights import Weights

_AT = "2026-11-23T03:00:00Z"
_METRICS = Weights.default().metrics


def spark(source: str, target: str) -> None:
    """PySpark, on a session that is set up as job 1's is."""
    session, f = (importlib.import_module(name) for name in ("engagement_jobs.session", "pyspark.sql.functions"))
    rows = session.start("bare").read.parquet(source)
    shares = [each.weight * f.least(f.col(each.metric) / each.cap, f.lit(1.0)) for each in _METRICS]
    score = f.round(f.round(100 * functools.reduce(operator.add, shares), 8), 2).cast("decimal(5,2)")
    columns = (f.col("user_id"), score, f.lit(_AT))
    scored = rows.select(*(column.alias(name) for column, name in zip(columns, SCORES, strict=True)))
    scored.write.mode("overwrite").csv(target, **session.CSV_OPTIONS)


def duckdb(source: str, target: str) -> None:
    """DuckDB, in SQL."""
    shares = " + ".join(f"{each.weight} * least({each.metric} / {each.cap}, 1)" for each in _METRICS)
    score = f"printf('%.2f', round(round(100 * ({shares}), 8), 2))"
    user, points, at = SCORES
    importlib.import_module("duckdb").sql(
        f"COPY (SELECT user_id AS {user}, {score} AS {points}, '{_AT}' AS {at} FROM read_parquet('{source}')) "  # noqa: S608
        f"TO '{target}.csv' (HEADER)"
    )


def polars(source: str, target: str) -> None:
    """Polars, streaming."""
    pl = importlib.import_module("polars")
    shares = [each.weight * pl.min_horizontal(pl.col(each.metric) / each.cap, 1.0) for each in _METRICS]
    score = (100 * functools.reduce(operator.add, shares)).round(8).round(2)
    columns = (pl.col("user_id"), score, pl.lit(_AT))
    scored = pl.scan_parquet(source).select(column.alias(name) for column, name in zip(columns, SCORES, strict=True))
    scored.sink_csv(f"{target}.csv", float_precision=2)


def pandas(source: str, target: str) -> None:
    """pandas, in memory."""
    pd = importlib.import_module("pandas")
    rows = pd.read_parquet(source, columns=["user_id", *(each.metric for each in _METRICS)])
    shares = [each.weight * (rows[each.metric] / each.cap).clip(upper=1) for each in _METRICS]
    score = (100 * functools.reduce(operator.add, shares)).round(8).round(2)
    table = pd.DataFrame(dict(zip(SCORES, (rows["user_id"], score, _AT), strict=True)))
    table.to_csv(f"{target}.csv", index=False, float_format="%.2f")


CONTESTANTS: dict[str, Callable[[str, str], None]] = {
    "spark": spark,
    "duckdb": duckdb,
    "polars": polars,
    "pandas": pandas,
}

if __name__ == "__main__":
    CONTESTANTS[sys.argv[1]](sys.argv[2], sys.argv[3])
