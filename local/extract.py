"""Generated activity extracts: realistic, and the same for the same arguments.

Each user has a constant level of engagement and varies around it from day to day: most scores change a little between
two dates, those of dormant and steady users do not. Most levels are low, and scores range from 0 to 100. The random
numbers come from DuckDB's hash function, so another DuckDB version may generate other extracts.
"""

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

_METRICS = ("login_count", "items_viewed", "time_spent_minutes", "cart_additions")
_BAD_KINDS = (
    "null_user_id",
    "empty_user_id",
    "blank_user_id",
    "null_metric",
    "nan_metric",
    "infinite_metric",
    "negative_metric",
    "conflicting_duplicate",
    "identical_duplicate",
)

# A number in [0, 1) for a user and a purpose. It does not depend on the order in which rows are computed.
_DRAW = "CREATE MACRO draw(who, what) AS (hash(who, what, $seed) % 1000000007) / 1000000007.0"

# `who` is the number of the user whose activity the row has. A duplicate repeats the user of the row before it, which
# is a good row, because at most every second row is bad.
_ROWS = """
WITH numbered AS (
    SELECT row_index, (row_index + 1) * {bad} // {rows} > row_index * {bad} // {rows} AS is_bad,
           CAST((row_index + 1) * {bad} // {rows} - 1 AS BIGINT) AS nth
    FROM range({rows}) AS numbers(row_index)
), planned AS (
    SELECT row_index, CASE WHEN is_bad THEN list_extract({kinds}, 1 + nth % {kind_count}) ELSE '' END AS kind,
           1 + nth // {kind_count} % 4 AS which
    FROM numbered
), people AS (
    SELECT *, CASE WHEN kind LIKE '%duplicate' THEN row_index ELSE row_index + 1 END AS who FROM planned
), levels AS (
    SELECT *, draw(who, 'dormant') < 0.08 AS is_dormant, pow(draw(who, 'level'), 1.4) * 1.1 AS level,
           CASE WHEN draw(who, 'steady') < 0.1 THEN 'steady' ELSE '{day}' END AS day
    FROM people
), days AS (
    SELECT *, CASE WHEN is_dormant THEN 0 ELSE level * (0.8 + 0.4 * draw(who, 'pace' || day)) END AS pace
    FROM levels
), activity AS (
    SELECT *, CAST(floor(10 * pace * (0.8 + 0.5 * draw(who, 'logins' || day))) AS INTEGER) AS logins,
           CAST(floor(100 * pow(pace, 1.1) * (0.6 + 0.8 * draw(who, 'items' || day))) AS INTEGER) AS items,
           round(115 * pow(pace, 1.2) * (0.6 + 0.8 * draw(who, 'minutes' || day)), 2) AS minutes,
           CAST(floor(8 * pow(pace, 1.4) * (0.4 + 1.2 * draw(who, 'carts' || day))) AS INTEGER) AS carts
    FROM days
)
SELECT CASE kind WHEN 'null_user_id' THEN NULL WHEN 'empty_user_id' THEN '' WHEN 'blank_user_id' THEN '   '
            ELSE printf('U%09d', who) END AS user_id,
       {login_count} AS login_count,
       {items_viewed} + CASE kind WHEN 'conflicting_duplicate' THEN 1 ELSE 0 END AS items_viewed,
       CASE kind WHEN 'nan_metric' THEN 'nan'::DOUBLE
                 WHEN 'infinite_metric' THEN CASE which % 2 WHEN 0 THEN '-inf'::DOUBLE ELSE 'inf'::DOUBLE END
                 ELSE {time_spent_minutes} END AS time_spent_minutes,
       {cart_additions} AS cart_additions,
       list_extract(['US', 'US', 'US', 'GB', 'DE', 'DE', 'FR', 'IN', 'BR', 'JP'],
                    CAST(1 + floor(10 * draw(who, 'country')) AS INTEGER)) AS country,
       DATE '2019-01-01' + CAST(floor(2400 * draw(who, 'signup')) AS INTEGER) AS signup_date
FROM activity
"""


@dataclass(frozen=True)
class GeneratedExtract:
    """The extract that was written.

    :param bad: number of bad rows by kind: both rows of a conflicting pair, the second row of an identical pair
    """

    path: str
    rows: int
    bytes: int
    bad: dict[str, int]


def write_extract(
    path: Path,
    rows: int,
    score_date: date,
    *,
    seed: int = 0,
    bad_fraction: float = 0.0,
) -> GeneratedExtract:
    """Write a Parquet file. It appears under its name only when it is complete, like an object in S3.

    :param rows: number of rows, bad ones included
    :param seed: another seed gives other users and activity
    :param bad_fraction: fraction of rows that are invalid or duplicates, 0 to 0.5, evenly of every kind
    :raises ValueError: when `rows` or `bad_fraction` is out of range
    """
    if rows < 1:
        raise ValueError(f"rows is {rows}, expected at least 1")
    if not 0 <= bad_fraction <= 0.5:
        raise ValueError(f"bad_fraction is {bad_fraction}, expected 0 to 0.5")
    bad = round(rows * bad_fraction)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with duckdb.connect() as connection:
            connection.execute(_DRAW.replace("$seed", str(int(seed))))
            connection.sql(_query(rows, bad, score_date)).write_parquet(str(partial))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return GeneratedExtract(str(path), rows, path.stat().st_size, _count_bad(bad))


def _query(rows: int, bad: int, score_date: date) -> str:
    sources = dict(zip(_METRICS, ("logins", "items", "minutes", "carts"), strict=True))
    metrics = {
        name: f"CASE WHEN kind = 'null_metric' AND which = {number} THEN NULL "
        f"WHEN kind = 'negative_metric' AND which = {number} THEN -1 - {column} ELSE {column} END"
        for number, (name, column) in enumerate(sources.items(), start=1)
    }
    return _ROWS.format(
        rows=rows,
        bad=bad,
        kinds=list(_BAD_KINDS),
        kind_count=len(_BAD_KINDS),
        day=score_date.isoformat(),
        **metrics,
    )


def _count_bad(bad: int) -> dict[str, int]:
    each, remainder = divmod(bad, len(_BAD_KINDS))
    counts = dict.fromkeys(_BAD_KINDS, each)
    for kind in _BAD_KINDS[:remainder]:
        counts[kind] += 1
    counts["conflicting_duplicate"] *= 2
    return counts
