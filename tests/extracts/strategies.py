"""Generated extracts: their values, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import hypothesis.strategies as st

from tests.support.glue_days import HOSTILE_IDS
from tests.writers.corpus.columns import extra
from tests.writers.expected import COLUMNS
from tests.writers.spec import Column, File

_WIDTHS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
_INTEGERS = (*_WIDTHS, "uint64", "decimal(5, 0)", "decimal(38, 0)")
_FRACTIONS = ("float", "double", "decimal(9, 2)", "decimal(38, 10)")
_SPARK = ("int16", "int32", "int64", "double", "decimal(5, 0)", "decimal(38, 0)", "decimal(9, 2)")
_BLANK = ("", " ", "\t\n", "\u00a0", "\u3000", "\u2028")
_CODECS = st.sampled_from(["snappy", "gzip", "zstd", "none"])
_KINDS: dict[str, tuple[str, ...]] = {
    "pyarrow": _INTEGERS + _FRACTIONS,
    "polars": _INTEGERS + _FRACTIONS,
    "duckdb": _INTEGERS + _FRACTIONS,
    "pandas": _INTEGERS + _FRACTIONS,
    "fastparquet": (*_WIDTHS, "float", "double"),
    "spark": _SPARK,
}
_EXTRA = {
    "pyarrow": ("decimal(76, 38)", "uuid", "time64[ns]", "timestamp[ns]", "nested", "map", "null", "int8"),
    "polars": ("list", "struct", "time64[ns]", "duration[ns]", "null", "binary"),
    "duckdb": ("struct", "timestamp[ns]", "binary", "decimal(38, 10)"),
    "pandas": ("timestamp[ns]", "list", "duration[ns]"),
    "fastparquet": ("timestamp[ns]", "bool"),
    "spark": ("bool",),
}
IDS = st.one_of(
    st.integers(0, 40).map(lambda number: f"U{number}"),  # so few that there are duplicates
    st.sampled_from(HOSTILE_IDS),
    st.text(st.characters(codec="utf-8"), max_size=5),
    st.sampled_from([None, *_BLANK]),
)


def _values(kind: str, *, with_nulls: bool) -> st.SearchStrategy[Any]:
    """Return values of a type as JSON has them: usual ones more often than extreme ones."""
    none = st.none() if with_nulls else st.nothing()
    if kind.startswith("decimal"):
        precision, scale = map(int, kind[8:-1].split(","))
        largest = 10**precision - 1
        usual = st.integers(0, min(largest, 130 * 10**scale))
        unscaled = st.one_of(usual, usual, usual, st.sampled_from([0, 1, largest, -largest]))
        return st.one_of(unscaled.map(lambda number: f"{number}e-{scale}"), none)
    if kind in ("float", "double"):
        # 0.024 minutes are 0.005 points: every other of these values is a tie.
        halves = st.integers(0, 5_000).map(lambda number: round(0.024 * number, 3))
        quarters = st.integers(0, 520).map(lambda number: number / 4)
        odd = st.floats(width=32 if kind == "float" else 64, allow_nan=with_nulls)
        return st.one_of(quarters, halves, odd, none)
    bits = int(kind.lstrip("uint"))
    low, high = (0, 2**bits - 1) if kind.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    usual = st.integers(0, min(high, 130))
    return st.one_of(usual, usual, usual, st.integers(low, high), st.sampled_from([low, high, 0]), none)


def _valid_rows(kinds: Mapping[str, str], seed: int) -> list[dict[str, Any]]:
    """Return 300 valid rows of different users. Some of them are ties of rounding, which small examples seldom have."""
    random = Random(seed)  # noqa: S311 - the same rows for a seed

    def value(kind: str) -> Any:
        if kind in ("float", "double"):
            return random.randint(0, 5_000) * 24 / 1000
        if kind.startswith("decimal") and not kind.endswith(" 0)"):
            return f"{random.randint(0, 12_000) / 100:.2f}"
        return random.randint(0, 13) if kind.startswith(("int", "uint")) else str(random.randint(0, 13))

    rows = [{name: value(kind) for name, kind in kinds.items()} for _ in range(300)]
    return [{"user_id": f"B{seed}-{place}"} | row for place, row in enumerate(rows)]


@st.composite
def _options(draw: st.DrawFn, writer: str, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Draw how a program writes a file."""
    rows = draw(st.sampled_from([1, 7, 1000]))
    if writer == "pyarrow":
        options: dict[str, Any] = {"compression": draw(_CODECS), "row_group_size": rows}
        options |= {"data_page_version": draw(st.sampled_from(["1.0", "2.0"])), "write_batch_size": 3}
        options |= {"data_page_size": draw(st.sampled_from([1, 1_000])), "store_schema": draw(st.booleans())}
        options |= {"write_page_checksum": draw(st.booleans()), "use_dictionary": draw(st.booleans())}
        if not options["use_dictionary"] and draw(st.booleans()):
            options["column_encoding"] = {name: enc for name, kind in kinds.items() if (enc := _encoding(kind))}
        return options
    if writer == "polars":
        codec = draw(st.sampled_from(["snappy", "gzip", "zstd", "lz4", "uncompressed"]))
        return {"compression": codec, "row_group_size": rows, "data_page_size": draw(st.sampled_from([16, 4096]))}
    if writer == "duckdb":
        codec = draw(st.sampled_from(["snappy", "gzip", "zstd", "lz4_raw", "uncompressed"]))
        return {"COMPRESSION": codec, "PARQUET_VERSION": draw(st.sampled_from(["V1", "V2"]))}
    if writer == "pandas":
        return {"compression": draw(_CODECS), "dtypes": "arrow", "index": draw(st.sampled_from([True, None]))}
    if writer == "fastparquet":
        return {
            "compression": draw(_CODECS).upper().replace("NONE", "UNCOMPRESSED"),
            "row_group_offsets": max(rows, 7),
            "object_encoding": "utf8",
        }
    version = draw(st.sampled_from(["PARQUET_1_0", "PARQUET_2_0"]))
    return {"compression": draw(_CODECS), "parquet.writer.version": version, "parquet.page.size": "64"}


def _encoding(kind: str) -> str:
    if kind in ("float", "double"):
        return "BYTE_STREAM_SPLIT"
    return {"string": "DELTA_BYTE_ARRAY"}.get(kind, "" if kind.startswith("decimal") else "DELTA_BINARY_PACKED")


@st.composite
def _file(draw: st.DrawFn, number: int) -> File:
    """Draw a file with types of its own."""
    writer = draw(st.sampled_from(sorted(_KINDS)))
    counts = st.sampled_from([kind for kind in _KINDS[writer] if kind in _INTEGERS])
    kinds = {name: draw(counts) for name in COLUMNS[1:]} | {"time_spent_minutes": draw(st.sampled_from(_KINDS[writer]))}
    with_nulls = writer != "fastparquet"  # a pandas column of integers has no nulls
    values = {name: _values(kind, with_nulls=with_nulls) for name, kind in kinds.items()}
    rows = draw(st.lists(st.fixed_dictionaries({"user_id": IDS, **values}), max_size=60))
    rows += draw(st.lists(st.sampled_from(rows), max_size=6)) if rows else []
    if draw(st.booleans()):
        rows += _valid_rows(kinds, draw(st.integers(0, 2**32)))
    kinds = {"user_id": "string"} | kinds
    columns = [Column(name, kind, tuple(row[name] for row in rows)) for name, kind in kinds.items()]
    more = draw(st.lists(st.sampled_from(_EXTRA[writer]), unique=True, max_size=3))
    columns += [extra(kind, rows=len(rows)) for kind in more]
    return File(writer, tuple(draw(st.permutations(columns))), draw(_options(writer, kinds)), {}, f"{number}.parquet")


@st.composite
def extracts(draw: st.DrawFn) -> list[File]:
    """Draw the files of an extract."""
    return [draw(_file(number)) for number in range(draw(st.integers(1, 4)))]
