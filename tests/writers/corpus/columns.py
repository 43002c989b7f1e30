"""Columns that the job does not need, of any type, and a schema that an earlier Spark left in the footer."""

from __future__ import annotations

from typing import Any

from tests.writers.corpus.case import Case, activity, constant, file, refused, scored, without
from tests.writers.spec import Column

_USUAL = activity()
_MORE: dict[str, Any] = {
    "int8": 1,
    "bool": True,
    "halffloat": 0.5,
    "date32[day]": 20_000,
    "time32[ms]": 1,
    "time64[us]": 1,
    "time64[ns]": 1,
    "timestamp[ns]": 1_700_000_000_000_000_001,
    "timestamp[us, UTC]": 1,
    "duration[ns]": 5,
    "decimal(38, 10)": "1.5",
    "decimal(76, 38)": "1.5",
    "binary": "00ff",
    "binary[3]": "00ff00",
    "uuid": "ff" * 16,
    "json": "{}",
    "list": ["a", "b"],
    "map": [["a", 1]],
    "struct": {"city": "Bonn", "visits": 1},
    "nested": {"deep": [{"at": 1}]},
    "null": None,
}
_POLARS = (
    "list",
    "struct",
    "time64[ns]",
    "duration[ns]",
    "null",
    "binary",
    "date32[day]",
    "timestamp[ns]",
)


def extra(kind: str, name: str = "", rows: int = len(_USUAL[0].values)) -> Column:
    """Return a column of a type that the job does not need."""
    return Column(name or f"extra {kind}", kind, (_MORE[kind],) * rows)


def _types() -> list[Case]:
    risky = ("halffloat", "decimal(76, 38)", "uuid", "time64[ns]", "nested", "null")
    cases = [
        scored("extra", f"pyarrow: {kind}", file("pyarrow", (*_USUAL, extra(kind))),
               refused_by_spark_3=("extra halffloat", "FLOAT16") if kind == "halffloat" else None)
        for kind in risky
    ]  # fmt: skip
    rest = [extra(kind) for kind in _MORE if kind not in risky]
    polars = [extra(kind) for kind in _POLARS]
    sql = (
        "*, '0c5b8f0e-3d52-4f0a-9d5e-6a1f4b7c2d11'::UUID AS device, "
        "INTERVAL 3 DAYS AS away, TIME '12:00:00' AS noon, {'a': 1, 'b': [1]} AS nested, "
        "MAP {'k': 1} AS pairs, 1::HUGEINT AS huge, '\\xAA'::BLOB AS raw, '101'::BIT AS bits, "
        "TIMESTAMPTZ '2026-11-23' AS at, TIMESTAMP_NS '2026-11-23' AS exact, '{}'::JSON AS document"
    )
    stamps = ("timestamp[ns]", "bool", "int8")
    return [
        *cases,
        scored("extra", "pyarrow: all other types", file("pyarrow", (*rest, *_USUAL))),
        scored("extra", "polars: its types", file("polars", (*polars, *_USUAL))),
        scored("extra", "duckdb: its types", file("duckdb", select=sql)),
        scored("extra", "duckdb: VARIANT", file("duckdb", select="*, 42::VARIANT AS anything"),
               refused_by_spark_3=("anything", "VARIANT")),
        scored("extra", "fastparquet: INT96", file("fastparquet", (*_USUAL, extra("timestamp[ns]")), times="int96")),
        scored("extra", "pandas: its types", file("pandas", (*_USUAL, *(extra(kind) for kind in stamps)))),
        scored("extra", "spark: its types", file("spark", (*_USUAL, extra("timestamp[us, UTC]", "at"),
               extra("bool", "is_new"), extra("decimal(38, 10)", "spent")))),
    ]  # fmt: skip


def _names() -> list[Case]:
    names = ("", " ", "a.b", "a b", "`tick`", "país", "🛒", "user_id.login_count", "_metadata", "USER ID")
    odd = [constant(_USUAL, name, "int32", 7) for name in names]
    twins = [constant(_USUAL, name, "string", name) for name in ("Country", "country")]
    twice = [constant(_USUAL, "country", "string", value) for value in ("DE", "FR")]
    twice_typed = [constant(_USUAL, "country", "string", "DE"), constant(_USUAL, "country", "double", 1.0)]
    nested = constant(_USUAL, "profile", "struct", {"city": "Bonn", "visits": 1})
    return [
        scored("extra", "pyarrow: odd names", file("pyarrow", (*odd, *_USUAL))),
        scored("extra", "pyarrow: twins by case", file("pyarrow", (*_USUAL, *twins))),
        scored("extra", "polars: twins by case", file("polars", (*twins, *_USUAL))),
        refused("extra", "pyarrow: a column twice", ("country", "more than once"), file("pyarrow", (*_USUAL, *twice))),
        refused(
            "extra",
            "pyarrow: a column twice, of different types",
            ("country", "more than once"),
            file("pyarrow", (*twice_typed, *_USUAL)),
        ),
        scored("extra", "pyarrow: a structure", file("pyarrow", (nested, *_USUAL), compression="gzip")),
    ]


def _field(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "type": kind, "nullable": True, "metadata": {}}


def _stale_schemas() -> list[Case]:
    """A schema of an earlier Spark, which another program took over with the metadata."""
    right = [
        _field("user_id", "string"),
        _field("login_count", "integer"),
        _field("items_viewed", "long"),
        _field("time_spent_minutes", "double"),
        _field("cart_additions", "short"),
    ]
    fewer = right[:2]
    times = [*right[:2], _field("items_viewed", "timestamp"), *right[3:]]
    texts = [*right[:3], _field("time_spent_minutes", "string"), right[4]]
    lacking = without(_USUAL, "cart_additions")
    good = file("pyarrow", activity(seed=1), name="part-0.parquet", spark_schema=right)
    counts = activity(seed=2, items_viewed="timestamp[us]")
    words = ("column cart_additions is missing",)
    return [
        scored("stale schema", "pyarrow: without columns that are there", file("pyarrow", spark_schema=fewer)),
        scored("stale schema", "pyarrow: other types", file("pyarrow", spark_schema=texts)),
        scored("stale schema", "pyarrow: a timestamp instead of a count", file("pyarrow", spark_schema=times)),
        refused("stale schema", "pyarrow: with a column that is not there", words,
                file("pyarrow", lacking, spark_schema=right)),
        refused("stale schema", "pyarrow: in one part only", ("part-1.parquet", *words), good,
                file("pyarrow", without(activity(seed=2), "cart_additions"), spark_schema=right,
                     name="part-1.parquet")),
        refused("stale schema", "pyarrow: a count instead of a timestamp", ("column items_viewed", "timestamp"),
                file("pyarrow", counts, spark_schema=right)),
    ]  # fmt: skip


CASES = [*_types(), *_names(), *_stale_schemas()]
