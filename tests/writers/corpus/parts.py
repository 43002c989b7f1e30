"""Extracts of several files, files without rows, and keys that look like patterns."""

from __future__ import annotations

from collections.abc import Sequence

from tests.writers.corpus.case import Case, activity, constant, file, refused, scored, without
from tests.writers.spec import Column, File


def part(number: int, writer: str, columns: Sequence[Column] | None = None, **options: object) -> File:
    """Return a part of a folder, with users of its own."""
    more = activity(seed=number) if columns is None else columns
    return file(writer, more, name=f"part-{number}.parquet", **options)  # type: ignore[arg-type]


def _empty(**types: str) -> tuple[Column, ...]:
    return tuple(Column(column.name, types.get(column.name, column.type), ()) for column in activity())


def _mixed() -> list[Case]:
    return [
        scored("parts", "each by another program", part(1, "pyarrow"), part(2, "pandas"), part(3, "polars"),
               part(4, "duckdb"), part(5, "fastparquet"), part(6, "spark")),
        scored("parts", "other widths",
               part(1, "pyarrow", activity(seed=1, login_count="int8", items_viewed="int32",
                                           time_spent_minutes="float")),
               part(2, "polars", activity(seed=2, login_count="int64", items_viewed="uint64",
                                          time_spent_minutes="int32")),
               part(3, "duckdb", activity(seed=3, login_count="decimal(9, 0)", time_spent_minutes="decimal(9, 2)"))),
        scored("parts", "the same users in other types",
               part(1, "pyarrow", activity()),
               part(2, "pyarrow", activity(login_count="decimal(20, 0)", items_viewed="uint64",
                                           time_spent_minutes="decimal(12, 4)", user_id="large_string"))),
        scored("parts", "other columns",
               part(1, "pyarrow", (*activity(seed=1), constant(activity(), "country", "string", "DE"))),
               part(2, "polars", (constant(activity(), "country", "int32", 1), *reversed(activity(seed=2)))),
               part(3, "pandas")),
        refused("parts", "one of another type", ("part-2.parquet", "column login_count"),
                part(1, "pyarrow"), part(2, "polars", activity(seed=2, login_count="double"))),
    ]  # fmt: skip


def _without_rows() -> list[Case]:
    objects = tuple(Column(name, "object", ()) for name in _names())
    untyped = tuple(Column(name, "null", ()) for name in _names())
    nulls = without(activity(seed=2), "items_viewed")
    none = constant(nulls, "items_viewed", "null", None)
    all_null = constant(activity(seed=2), "items_viewed", "object", None)
    typed = constant(nulls, "items_viewed", "string", None)
    without_ids = without(activity(seed=2), "user_id")
    return [
        scored("empty", "pandas: a part of nothing", part(1, "pandas"), part(2, "pandas", objects)),
        scored("empty", "polars: a part of nothing", part(1, "polars"), part(2, "polars", untyped)),
        scored("empty", "pandas: a part without columns", part(1, "pandas"), part(2, "pandas", ())),
        scored("empty", "duckdb: a part of other types", part(1, "duckdb"),
               part(2, "duckdb", _empty(user_id="int32", login_count="string"))),
        scored("empty", "pyarrow: a part whose column is null", part(1, "pyarrow"), part(2, "pyarrow", (*nulls, none))),
        scored("empty", "pandas: a part whose column is null", part(1, "pandas"),
               part(2, "pandas", (*nulls, all_null))),
        scored("empty", "polars: a part whose user ids are null", part(1, "polars"),
               part(2, "polars", (*without_ids, constant(without_ids, "user_id", "null", None)))),
        refused("empty", "pyarrow: a part whose nulls are text", ("part-2.parquet", "column items_viewed"),
                part(1, "pyarrow"), part(2, "pyarrow", (*nulls, typed))),
        refused("empty", "pyarrow: no rows", ("is empty", "no rows"), file("pyarrow", _empty())),
        refused("empty", "polars: parts without rows", ("is empty", "2 files"),
                part(1, "polars", untyped), part(2, "polars", _empty())),
    ]  # fmt: skip


def _names() -> list[str]:
    return [column.name for column in activity()]


def _keys() -> list[Case]:
    """Names that Spark or Hadoop could take for patterns, each next to a file that the pattern would match."""
    pairs = {
        "export[1].parquet": "export1.parquet",
        "export?.parquet": "export1.parquet",
        "export*.parquet": "export-old.parquet",
        "{a,b}.parquet": "a.parquet",
        "a%41 b+c=d,e.parquet": "aA b+c=d,e.parquet",
    }
    cases = [
        scored("keys", name, file("pyarrow", name=name),
               bystanders=(file("polars", activity(seed=9), name=bystander),))
        for name, bystander in pairs.items()
    ]  # fmt: skip
    return [
        *cases,
        scored("keys", "a folder export[1]", part(1, "pyarrow"), part(2, "polars"), folder="export[1]/",
               bystanders=(file("polars", activity(seed=8), name="export1/part-1.parquet"),)),
        scored("keys", "parts in folders", file("duckdb", activity(seed=1), name="day={1,2}/part-[0-9].parquet"),
               file("duckdb", activity(seed=2), name="day=%3F/part-?.parquet")),
    ]  # fmt: skip


CASES = [*_mixed(), *_without_rows(), *_keys()]
