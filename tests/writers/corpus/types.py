"""Types of the columns that the job needs: what the Parquet footer says decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.writers.corpus.case import Case, activity, constant, file, refused, renamed, scored, with_values, without
from tests.writers.spec import Column, File

_COUNT, _MINUTES = "items_viewed", "time_spent_minutes"
_HUGE = {_COUNT: "uint64"}


def _accepted() -> list[Case]:
    counts: dict[str, dict[str, Any]] = {
        "narrow integers": {"login_count": "int8", _COUNT: "uint8", "cart_additions": "uint16", _MINUTES: "uint32"},
        "unsigned 64 bits": {"login_count": "uint64", _MINUTES: "uint64"},
        "decimals without a scale": {
            "login_count": "decimal(38, 0)", _COUNT: "decimal(9, 0)", "cart_additions": "decimal(18, 0)"
        },
        "decimal minutes": {_MINUTES: "decimal(38, 10)", _COUNT: "decimal(3, 0)"},
        "floats": {_MINUTES: "float", "login_count": "int64"},
        "JSON as user id": {"user_id": "json"},
    }  # fmt: skip
    cases = [scored("types", f"pyarrow: {name}", file("pyarrow", activity(types))) for name, types in counts.items()]
    largest = with_values(activity(_HUGE), _COUNT, 2**64 - 1, 2**63, 0)
    wide = with_values(activity({_COUNT: "decimal(38, 0)"}), _COUNT, "9" * 38, "-" + "9" * 38, None)
    compact = file("pyarrow", activity(counts["decimals without a scale"]), store_decimal_as_integer=True)
    cases += [
        scored("types", "pyarrow: the largest unsigned counts", file("pyarrow", largest)),
        scored("types", "pyarrow: the largest decimals", file("pyarrow", wide)),
        scored("types", "pyarrow: decimals as integers", compact),
        scored("types", "polars: decimals and unsigned counts",
               file("polars", activity({_COUNT: "decimal(38, 0)"}, login_count="uint64"))),
        scored("types", "duckdb: unsigned counts, decimals",
               file("duckdb", activity({_MINUTES: "decimal(9, 2)", _COUNT: "uint8"}, login_count="uint64"))),
        scored("types", "pandas: unsigned counts of nullable type",
               file("pandas", activity(login_count="uint64"), dtypes="nullable")),
        scored("types", "fastparquet: narrow integers",
               file("fastparquet", activity({_COUNT: "uint32", _MINUTES: "float"}, login_count="int8"))),
        scored("types", "spark: decimals without a scale",
               file("spark", activity(login_count="decimal(38, 0)", cart_additions="decimal(18, 0)"))),
    ]  # fmt: skip
    return cases


def _wrong_types(wrong: Sequence[tuple[str, str, str, str]]) -> list[Case]:
    """Return a refused case for each writer, column, type, and word with which the message describes the type."""
    return [
        refused("types", f"{writer}: {kind} as {name}", (f"column {name}", word), file(writer, activity({name: kind})))
        for writer, name, kind, word in wrong
    ]


def _times() -> list[Case]:
    """Times that look like numbers to a reader of physical types."""
    wrong = [
        ("pyarrow", _COUNT, "timestamp[ns]", "timestamp"),
        ("pyarrow", _MINUTES, "timestamp[us, UTC]", "timestamp"),
        ("pyarrow", _MINUTES, "duration[ns]", "duration"),
        ("pyarrow", "login_count", "time32[ms]", "time"),
        ("pyarrow", _COUNT, "time64[us]", "time"),
        ("pyarrow", "login_count", "date32[day]", "date"),
        ("pandas", _MINUTES, "duration[ns]", "duration"),
        ("polars", _MINUTES, "duration[us]", "duration"),
        ("polars", _COUNT, "timestamp[ns]", "timestamp"),
        ("duckdb", _COUNT, "timestamp[ns]", "timestamp"),
        ("fastparquet", _COUNT, "timestamp[ns]", "timestamp"),
    ]
    old = file("fastparquet", activity({_COUNT: "timestamp[ns]"}), times="int96")
    spark = file("spark", activity({_COUNT: "timestamp[us, UTC]"}))
    return [
        *_wrong_types(wrong),
        refused("types", "fastparquet: INT96 as items_viewed", (f"column {_COUNT}", "INT96"), old),
        refused("types", "spark: timestamp as items_viewed", (f"column {_COUNT}", ""), spark),
    ]


def _others() -> list[Case]:
    wrong = [
        ("pyarrow", _MINUTES, "halffloat", "FLOAT16"),
        ("pyarrow", _COUNT, "decimal(9, 2)", "decimal"),
        ("pyarrow", _COUNT, "decimal(39, 0)", "decimal"),
        ("pyarrow", _COUNT, "bool", "bool"),
        ("pyarrow", _COUNT, "string", "string"),
        ("pyarrow", _COUNT, "double", "double"),
        ("pyarrow", "user_id", "int64", "string"),
        ("pyarrow", "user_id", "binary", "string"),
        ("polars", _COUNT, "double", "double"),
        ("duckdb", _MINUTES, "bool", "bool"),
    ]
    usual = activity()
    rest = without(usual, "user_id")
    uuids = (constant(usual, "user_id", "uuid", "00" * 16), *rest)
    lists = (constant(usual, "user_id", "list", ["U1"]), *rest)
    nested = (*without(usual, _COUNT), constant(usual, _COUNT, "struct", {"city": "Bonn", "visits": 1}))
    return [
        *_wrong_types(wrong),
        refused("types", "pyarrow: UUID as user_id", ("column user_id", "UUID"), file("pyarrow", uuids)),
        refused("types", "pyarrow: list as user_id", ("column user_id",), file("pyarrow", lists)),
        refused("types", "pyarrow: structure as items_viewed", (f"column {_COUNT}",), file("pyarrow", nested)),
        refused("types", "duckdb: HUGEINT as items_viewed", (f"column {_COUNT}",),
                file("duckdb", select=f"* REPLACE ({_COUNT}::HUGEINT AS {_COUNT})")),
    ]  # fmt: skip


def _names() -> list[Case]:
    """Names of the needed columns: exact, or named with what is wrong."""
    usual = activity()
    wrong = {
        "\ufeffuser_id": "'\\ufeffuser_id'",
        "user_id\u00a0": "'user_id\\xa0'",
        "user_id ": "'user_id '",
        "User_ID": "'User_ID'",
    }
    cases = [
        refused("names", f"pyarrow: {name!a} for user_id", ("column user_id is missing", shown),
                file("pyarrow", renamed(usual, "user_id", name)))
        for name, shown in wrong.items()
    ]  # fmt: skip
    twin = Column("User_ID", "string", tuple(f"T{number}" for number in range(len(usual[0].values))))
    again = Column(_COUNT, "int32", tuple(range(len(usual[0].values))))
    return [
        *cases,
        refused("names", "polars: no login_count", ("column login_count is missing",),
                file("polars", without(usual, "login_count"))),
        refused("names", "duckdb: only capitals", ("user_id is missing", "'USER_ID'"),
                file("duckdb", select="user_id AS \"USER_ID\", * EXCLUDE (user_id)")),
        refused("names", "pyarrow: twin of user_id", ("user_id", "User_ID"), file("pyarrow", (*usual, twin))),
        refused("names", "pyarrow: items_viewed twice", (_COUNT, "more than once"), file("pyarrow", (*usual, again))),
    ]  # fmt: skip


def _user_ids() -> list[Case]:
    """User ids of a Latin-1 export that is labeled as text."""
    usual = activity(user_id="string_bytes")
    one = with_values(usual, "user_id", "5a6feb")
    same = with_values(usual, "user_id", "5a6feb", "5a6fe9", "5a6feb", "fffe", "efbfbd")
    half = with_values(usual, "user_id", "e794", "eda080", "c080", "f4908080")
    files: dict[str, File] = {
        "one": file("pyarrow", one),
        "several that look the same": file("pyarrow", same),
        "cut, surrogate, overlong, too large": file("pyarrow", half, use_dictionary=False),
    }
    return [scored("user ids", f"pyarrow: Latin-1, {name}", each) for name, each in files.items()]


CASES = [*_accepted(), *_times(), *_others(), *_names(), *_user_ids()]
