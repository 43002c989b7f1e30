"""Files as the programs write them: codecs, encodings, pages, row groups. Almost all are scored."""

from __future__ import annotations

from typing import Any

from tests.writers.corpus.case import Case, activity, file, refused, scored, with_values
from tests.writers.spec import Column

_FLOATS = activity(time_spent_minutes="float")
# pandas takes NaN for a missing value.
_MISSING = with_values(activity(), "time_spent_minutes", None, float("inf"), None)
_NULLS = with_values(activity(), "time_spent_minutes", None, float("nan"), float("inf"))
_INTS = ("login_count", "items_viewed", "cart_additions")
_SPLIT = "BYTE_STREAM_SPLIT"


def _pyarrow() -> list[Case]:
    delta = dict.fromkeys(_INTS, "DELTA_BINARY_PACKED") | {"user_id": "DELTA_BYTE_ARRAY"}
    length = {"user_id": "DELTA_LENGTH_BYTE_ARRAY", "time_spent_minutes": "PLAIN"}
    split = {"time_spent_minutes": _SPLIT}
    split_count = {"items_viewed": _SPLIT}
    options: dict[str, dict[str, Any]] = {
        "gzip": {"compression": "gzip"},
        "zstd": {"compression": "zstd", "compression_level": 19},
        "lz4": {"compression": "lz4"},
        "no codec": {"compression": "none", "use_dictionary": False},
        "no statistics": {"write_statistics": False, "store_schema": False},
        "delta": {"use_dictionary": False, "column_encoding": delta},
        "delta length, second page version": {
            "use_dictionary": False, "column_encoding": length, "data_page_version": "2.0"
        },
        "second page version": {"data_page_version": "2.0", "compression": "zstd"},
        "one row a group": {"row_group_size": 1},
        "one row a page": {"data_page_size": 1, "write_batch_size": 1, "write_page_index": True},
        "dictionary that overflows": {"dictionary_pagesize_limit": 20, "write_batch_size": 2, "data_page_size": 30},
        "checksums": {"write_page_checksum": True, "data_page_version": "2.0"},
        "first format version": {"version": "1.0", "flavor": "spark"},
    }  # fmt: skip
    cases = [scored("layout", f"pyarrow: {name}", file("pyarrow", **each)) for name, each in options.items()]
    types = {
        "large strings": activity(user_id="large_string"),
        "string views": activity(user_id="string_view"),
        "dictionary of strings": activity(user_id="dictionary"),
        "nulls, NaN and infinity": _NULLS,
    }
    cases += [scored("layout", f"pyarrow: {name}", file("pyarrow", columns)) for name, columns in types.items()]
    cases += [
        scored("layout", f"pyarrow: {name} split by bytes", file("pyarrow", columns, use_dictionary=False,
               column_encoding=split, **more))
        for name, columns, more in (
            ("doubles", activity(), {}),
            ("floats", _FLOATS, {"data_page_version": "2.0"}),
            ("nulls", _NULLS, {"compression": "gzip", "row_group_size": 5}),
        )
    ]  # fmt: skip
    count = file("pyarrow", use_dictionary=False, column_encoding=split_count)
    cases.append(scored("layout", "pyarrow: counts split by bytes", count, refused_by_spark_3=("items_viewed", _SPLIT)))
    brotli = file("pyarrow", compression={"login_count": "brotli", "user_id": "snappy"})
    cases.append(refused("codec", "pyarrow: a column in Brotli", ("activity.parquet", "login_count", "BROTLI"), brotli))
    return cases


def _polars() -> list[Case]:
    options: dict[str, dict[str, Any]] = {
        "as it comes": {},
        "snappy": {"compression": "snappy"},
        "lz4": {"compression": "lz4"},
        "gzip": {"compression": "gzip"},
        "no codec": {"compression": "uncompressed", "statistics": False},
        "three rows a group": {"row_group_size": 3, "data_page_size": 64},
    }
    cases = [scored("layout", f"polars: {name}", file("polars", **each)) for name, each in options.items()]
    cases.append(scored("layout", "polars: categories", file("polars", activity(user_id="dictionary"))))
    cases.append(scored("layout", "polars: nulls, NaN and infinity", file("polars", _NULLS)))
    words = ("activity.parquet", "user_id", "BROTLI")
    return [*cases, refused("codec", "polars: Brotli", words, file("polars", compression="brotli"))]


def _duckdb() -> list[Case]:
    names = ", ".join("'" + user.replace("'", "''") + "'" for user in sorted(set(activity()[0].values)))
    options: dict[str, dict[str, Any]] = {
        "as it comes": {},
        "zstd": {"COMPRESSION": "zstd"},
        "gzip": {"COMPRESSION": "gzip"},
        "lz4": {"COMPRESSION": "lz4_raw"},
        "no codec": {"COMPRESSION": "uncompressed"},
        "enumeration": {"select": f"* REPLACE (user_id::ENUM({names}) AS user_id)"},
        "second format version": {"PARQUET_VERSION": "v2"},
    }
    cases = [scored("layout", f"duckdb: {name}", file("duckdb", **each)) for name, each in options.items()]
    many = Column("login_count", "int32", tuple(number % 17 for number in range(5_000)))
    large = (
        Column("user_id", "string", tuple(f"U{number}" for number in range(5_000))),
        many,
        Column("items_viewed", "int64", tuple(number % 131 for number in range(5_000))),
        Column("time_spent_minutes", "double", tuple(number / 8 for number in range(5_000))),
        Column("cart_additions", "int16", tuple(number % 11 for number in range(5_000))),
    )
    # Values without a repeated one are not written as a dictionary.
    cases.append(
        scored(
            "layout",
            "duckdb: second format version, all values differ",
            file("duckdb", large, PARQUET_VERSION="v2", ROW_GROUP_SIZE=2048),
        )
    )
    words = ("activity.parquet", "user_id", "BROTLI")
    return [*cases, refused("codec", "duckdb: Brotli", words, file("duckdb", COMPRESSION="brotli"))]


def _pandas() -> list[Case]:
    cases = [
        scored("layout", "pandas: as it comes", file("pandas")),
        scored("layout", "pandas: with its index", file("pandas", index=True, compression="zstd")),
        scored("layout", "pandas: nullable types", file("pandas", _MISSING, dtypes="nullable")),
        scored("layout", "pandas: types of Arrow", file("pandas", _NULLS, dtypes="arrow", compression=None)),
    ]
    # pandas has no integer column with a missing value: it makes doubles of them.
    missing = with_values(activity(), "login_count", None)
    words = ("activity.parquet", "column login_count", "double", "integer")
    return [*cases, refused("layout", "pandas: a missing count", words, file("pandas", missing))]


def _fastparquet() -> list[Case]:
    options: dict[str, dict[str, Any]] = {
        "as it comes": {},
        "snappy": {"compression": "SNAPPY"},
        "gzip": {"compression": "GZIP", "row_group_offsets": 4},
        "zstd": {"compression": "ZSTD", "object_encoding": "utf8"},
        "no nulls": {"has_nulls": False, "stats": False},
        "nullable types": {"dtypes": "nullable"},
    }
    cases = [scored("layout", f"fastparquet: {name}", file("fastparquet", **each)) for name, each in options.items()]
    words = ("activity.parquet", "user_id", "BROTLI")
    return [*cases, refused("codec", "fastparquet: Brotli", words, file("fastparquet", compression="BROTLI"))]


def _spark() -> list[Case]:
    decimals = activity(time_spent_minutes="decimal(9, 2)")
    options: dict[str, dict[str, Any]] = {
        "as it comes": {},
        "zstd": {"compression": "zstd"},
        "second page version": {"parquet.writer.version": "PARQUET_2_0", "compression": "gzip"},
        "Bloom filters": {"parquet.bloom.filter.enabled": "true", "compression": "lz4_raw"},
        "small row groups": {"parquet.block.size": "1024", "parquet.page.size": "256"},
    }
    cases = [scored("layout", f"spark: {name}", file("spark", **each)) for name, each in options.items()]
    old: dict[str, Any] = {"spark.sql.parquet.writeLegacyFormat": "true"}
    return [*cases, scored("layout", "spark: decimals", file("spark", decimals)),
            scored("layout", "spark: decimals of its old format", file("spark", decimals, **old))]  # fmt: skip


CASES = [*_pyarrow(), *_polars(), *_duckdb(), *_pandas(), *_fastparquet(), *_spark()]
