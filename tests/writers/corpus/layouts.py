"""Files as the programs write them: codecs, encodings, pages, row groups. Almost all are scored.

The files of a program are the parts of one extract: each has users of its own, and they are read in one go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.writers.corpus.case import Case, activity, file, refused, scored, with_values
from tests.writers.spec import Column, File

_INTS = ("login_count", "items_viewed", "cart_additions")
_SPLIT = "BYTE_STREAM_SPLIT"


def _parts(writer: str, options: Mapping[str, Mapping[str, Any]], **types: str) -> list[File]:
    """Return a file for each set of options, named after it."""
    return [
        file(writer, activity(types, seed=number), name=f"{name}.parquet", **each)
        for number, (name, each) in enumerate(options.items())
    ]


def _nulls(seed: int = 0, kind: str = "double") -> tuple[Column, ...]:
    usual = activity({"time_spent_minutes": kind}, seed=seed)
    return with_values(usual, "time_spent_minutes", None, float("nan"), float("inf"))


def _pyarrow() -> list[Case]:
    delta = dict.fromkeys(_INTS, "DELTA_BINARY_PACKED") | {"user_id": "DELTA_BYTE_ARRAY"}
    length = {"user_id": "DELTA_LENGTH_BYTE_ARRAY", "time_spent_minutes": "PLAIN"}
    options: dict[str, dict[str, Any]] = {
        "as it comes": {},
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
    texts = ("large_string", "string_view", "dictionary")
    typed = [
        file("pyarrow", activity({"user_id": kind}, seed=number), name=f"{kind}.parquet")
        for number, kind in enumerate(texts)
    ]
    missing = with_values(activity(user_id="string"), "user_id", None, None)
    lengths: dict[str, Any] = {"use_dictionary": False, "column_encoding": {"user_id": "DELTA_LENGTH_BYTE_ARRAY"}}
    pages: dict[str, Any] = {"data_page_size": 1, "write_batch_size": 3}
    brotli = file("pyarrow", compression={"login_count": "brotli", "user_id": "snappy"})
    return [
        scored("layout", "pyarrow", *_parts("pyarrow", options)),
        scored("layout", "pyarrow: texts", *typed),
        scored("layout", "pyarrow: nulls, NaN and infinity", file("pyarrow", _nulls())),
        scored("layout", "pyarrow: delta lengths of texts and nulls", file("pyarrow", missing, **lengths)),
        scored("layout", "pyarrow: delta lengths in several pages", file("pyarrow", **lengths, **pages)),
        refused("codec", "pyarrow: a column in Brotli", ("activity.parquet", "login_count", "BROTLI"), brotli),
    ]


def _split_by_bytes() -> list[Case]:
    """Return what the vectorized reader of Spark cannot read."""
    options: dict[str, Any] = {"use_dictionary": False, "column_encoding": {"time_spent_minutes": _SPLIT}}
    floats = activity({"time_spent_minutes": "float"}, seed=1)
    counts = file("pyarrow", use_dictionary=False, column_encoding={"items_viewed": _SPLIT})
    return [
        scored("layout", "pyarrow: doubles split by bytes", file("pyarrow", **options)),
        scored("layout", "pyarrow: split by bytes and not",
               file("pyarrow", floats, name="floats.parquet", data_page_version="2.0", **options),
               file("pyarrow", _nulls(2), name="nulls.parquet", compression="gzip", row_group_size=5, **options),
               file("polars", activity(seed=3), name="usual.parquet")),
        scored("layout", "pyarrow: counts split by bytes", counts, refused_by_spark_3=("items_viewed", _SPLIT)),
    ]  # fmt: skip


def _polars() -> list[Case]:
    options: dict[str, dict[str, Any]] = {
        "as it comes": {},
        "snappy": {"compression": "snappy"},
        "lz4": {"compression": "lz4"},
        "gzip": {"compression": "gzip"},
        "no codec": {"compression": "uncompressed", "statistics": False},
        "three rows a group": {"row_group_size": 3, "data_page_size": 64},
    }
    categories = file("polars", activity({"user_id": "dictionary"}, seed=7), name="categories.parquet")
    nulls = file("polars", _nulls(8), name="nulls.parquet")
    words = ("activity.parquet", "user_id", "BROTLI")
    return [
        scored("layout", "polars", *_parts("polars", options), categories, nulls),
        refused("codec", "polars: Brotli", words, file("polars", compression="brotli")),
    ]


def _duckdb() -> list[Case]:
    names = ", ".join("'" + user.replace("'", "''") + "'" for user in sorted(set(activity()[0].values)))
    options: dict[str, dict[str, Any]] = {
        "enumeration": {"select": f"* REPLACE (user_id::ENUM({names}) AS user_id)"},
        "as it comes": {},
        "zstd": {"COMPRESSION": "zstd"},
        "gzip": {"COMPRESSION": "gzip"},
        "lz4": {"COMPRESSION": "lz4_raw"},
        "no codec": {"COMPRESSION": "uncompressed"},
    }
    large = (
        Column("user_id", "string", tuple(f"U{number}" for number in range(5_000))),
        Column("login_count", "int32", tuple(number % 17 for number in range(5_000))),
        Column("items_viewed", "int64", tuple(number % 131 for number in range(5_000))),
        Column("time_spent_minutes", "double", tuple(number / 8 for number in range(5_000))),
        Column("cart_additions", "int16", tuple(number % 11 for number in range(5_000))),
    )
    words = ("activity.parquet", "user_id", "BROTLI")
    return [
        scored("layout", "duckdb", *_parts("duckdb", options)),
        scored("layout", "duckdb: second format version", file("duckdb", PARQUET_VERSION="v2")),
        # Values without a repeated one are not written as a dictionary.
        scored("layout", "duckdb: second format version, all values differ",
               file("duckdb", large, PARQUET_VERSION="v2", ROW_GROUP_SIZE=2048)),
        refused("codec", "duckdb: Brotli", words, file("duckdb", COMPRESSION="brotli")),
    ]  # fmt: skip


def _pandas() -> list[Case]:
    options: dict[str, dict[str, Any]] = {"as it comes": {}, "with its index": {"index": True, "compression": "zstd"}}
    # Its nullable types take NaN for a missing value.
    some = with_values(activity(seed=5), "time_spent_minutes", None, float("inf"), None)
    nullable = file("pandas", some, name="nullable.parquet", dtypes="nullable")
    of_arrow = file("pandas", _nulls(6), name="arrow.parquet", dtypes="arrow", compression=None)
    # It has no integer column with a missing value: it makes doubles of them.
    missing = with_values(activity(), "login_count", None)
    words = ("activity.parquet", "column login_count", "double", "integer")
    return [
        scored("layout", "pandas", *_parts("pandas", options), nullable, of_arrow),
        refused("layout", "pandas: a missing count", words, file("pandas", missing)),
    ]


def _fastparquet() -> list[Case]:
    options: dict[str, dict[str, Any]] = {
        "as it comes": {},
        "snappy": {"compression": "SNAPPY"},
        "gzip": {"compression": "GZIP", "row_group_offsets": 4},
        "zstd": {"compression": "ZSTD", "object_encoding": "utf8"},
        "no nulls": {"has_nulls": False, "stats": False},
        "nullable types": {"dtypes": "nullable"},
    }
    words = ("activity.parquet", "user_id", "BROTLI")
    return [
        scored("layout", "fastparquet", *_parts("fastparquet", options)),
        refused("codec", "fastparquet: Brotli", words, file("fastparquet", compression="BROTLI")),
    ]


def _spark() -> list[Case]:
    options: dict[str, dict[str, Any]] = {
        "as it comes": {},
        "zstd": {"compression": "zstd"},
        "second page version": {"parquet.writer.version": "PARQUET_2_0", "compression": "gzip"},
        "Bloom filters": {"parquet.bloom.filter.enabled": "true", "compression": "lz4_raw"},
        "small row groups": {"parquet.block.size": "1024", "parquet.page.size": "256"},
    }
    decimals: dict[str, dict[str, Any]] = {
        "as it comes": {},
        "as it was": {"spark.sql.parquet.writeLegacyFormat": "true"},
    }
    return [
        scored("layout", "spark", *_parts("spark", options)),
        scored("layout", "spark: decimals", *_parts("spark", decimals, time_spent_minutes="decimal(9, 2)")),
    ]


CASES = [*_pyarrow(), *_split_by_bytes(), *_polars(), *_duckdb(), *_pandas(), *_fastparquet(), *_spark()]
