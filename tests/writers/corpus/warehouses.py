"""Files of the shapes that the documentation of Snowflake and BigQuery describes; see docs/guides/extract.md."""

from __future__ import annotations

from tests.writers.corpus.case import Case, activity, constant, file, refused, renamed, scored
from tests.writers.spec import Column, File

_COUNTS = ("login_count", "items_viewed", "cart_additions")
_MINUTES = "time_spent_minutes"


def _snowflake(number: int, **types: str) -> tuple[Column, ...]:
    """Return what it unloads by default: DECIMAL for fixed-point numbers, DOUBLE for floating-point numbers."""
    return activity({**dict.fromkeys(_COUNTS, "decimal(38, 0)"), **types}, seed=number)


def _unloaded(number: int, columns: tuple[Column, ...], **options: object) -> File:
    return file("pyarrow", columns, name=f"data_0_{number}_0.snappy.parquet", **options)  # type: ignore[arg-type]


def _exported(number: int, **types: str) -> File:
    """Return what BigQuery exports: INT64, DOUBLE and columns that are ignored."""
    columns = activity({**dict.fromkeys(_COUNTS, "int64"), **types}, seed=number)
    ignored = (
        constant(columns, "revenue", "decimal(76, 38)", "1.5"),
        constant(columns, "since", "timestamp[us]", 1_700_000_000_000_000),
    )
    return file("pyarrow", (*columns, *ignored), name=f"{number:012}.parquet")


def _without_names(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    return tuple(Column(f"_COL_{number}", column.type, column.values) for number, column in enumerate(columns))


CASES: list[Case] = [
    scored("snowflake", "as it unloads NUMBER and FLOAT", _unloaded(1, _snowflake(1)), _unloaded(2, _snowflake(2))),
    scored("snowflake", "short numbers as integers",
           _unloaded(1, _snowflake(1, login_count="decimal(9, 0)", time_spent_minutes="decimal(18, 2)"),
                     store_decimal_as_integer=True)),
    scored("snowflake", "cast to SMALLINT, INT and BIGINT",
           _unloaded(1, _snowflake(1, login_count="int16", items_viewed="int32", cart_additions="int64"))),
    refused("snowflake", "names without quotes", ("column user_id is missing", "USER_ID"),
            _unloaded(1, renamed(_snowflake(1), "user_id", "USER_ID"))),
    refused("snowflake", "without HEADER", ("column user_id is missing", "_COL_0"),
            _unloaded(1, _without_names(_snowflake(1)))),
    refused("snowflake", "a count with a scale", ("column login_count", "expected an integer"),
            _unloaded(1, _snowflake(1, login_count="decimal(38, 2)"))),
    scored("bigquery", "as it exports INT64 and FLOAT64", _exported(0), _exported(1)),
    scored("bigquery", "minutes as NUMERIC", _exported(0, time_spent_minutes="decimal(38, 9)")),
    refused("bigquery", "a count as NUMERIC", ("column login_count", "expected an integer"),
            _exported(0, login_count="decimal(38, 9)")),
    refused("bigquery", "minutes as BIGNUMERIC", (f"column {_MINUTES}",),
            _exported(0, time_spent_minutes="decimal(76, 38)")),
]  # fmt: skip
