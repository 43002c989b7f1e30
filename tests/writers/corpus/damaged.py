"""Files that are not what they look like: damaged, encrypted, joined, or no Parquet at all."""

from __future__ import annotations

from typing import Any

from tests.writers.corpus.case import Case, activity, file, refused, without
from tests.writers.spec import Column

_PLAIN: dict[str, Any] = {"use_dictionary": False, "compression": "none"}
_MANY = tuple(Column(each.name, each.type, each.values * 20) for each in activity(count=50, seed=3))
_NAME = "activity.parquet"


def _damaged() -> list[Case]:
    checked = {**_PLAIN, "write_page_checksum": True}
    cut = {"kind": "cut", "column": "items_viewed", "length": 3}
    flip = {"kind": "flip", "column": "time_spent_minutes"}
    return [
        refused("damage", "pyarrow: bytes missing in the middle", (_NAME,),
                file("pyarrow", _MANY, damage=cut, **_PLAIN)),
        refused("damage", "pyarrow: bytes missing in compressed pages", (_NAME,),
                file("pyarrow", _MANY, damage=cut, compression="zstd", use_dictionary=False)),
        refused("damage", "polars: bytes missing in the middle", (_NAME,), file("polars", _MANY, damage=cut)),
        refused("damage", "duckdb: bytes missing in the middle", (_NAME,), file("duckdb", _MANY, damage=cut)),
        refused("damage", "pyarrow: zeros in compressed pages", (_NAME,),
                file("pyarrow", _MANY, damage={"kind": "zeros", "column": "user_id"}, compression="gzip")),
        refused("checksum", "pyarrow: a flipped bit", (_NAME, "checksum"),
                file("pyarrow", _MANY, damage=flip, **checked)),
        refused("checksum", "pyarrow: zeros", (_NAME, "checksum"),
                file("pyarrow", _MANY, damage={"kind": "zeros", "column": "login_count"}, **checked)),
        refused("checksum", "pyarrow: a flipped bit, second page version", (_NAME, "checksum"),
                file("pyarrow", _MANY, damage=flip, data_page_version="2.0", **checked), needs_spark_4=True),
        refused("checksum", "spark: a flipped bit", (_NAME, "checksum"),
                file("spark", _MANY, damage=flip, compression="uncompressed")),
    ]  # fmt: skip


def _joined() -> list[Case]:
    other = file("polars", activity(seed=7)).to_json()
    fewer = file("pyarrow", without(activity(seed=7), "user_id")).to_json()
    twice = {"kind": "twice", "times": 2}
    return [
        refused("joined", "pyarrow: twice the same", (_NAME,), file("pyarrow", damage=twice)),
        refused("joined", "duckdb: three times the same", (_NAME,), file("duckdb", damage=twice | {"times": 3})),
        refused("joined", "pandas: and Polars", (_NAME,), file("pandas", damage={"kind": "joined", "file": other})),
        refused("joined", "fastparquet: and other columns", (_NAME, "user_id"),
                file("fastparquet", damage={"kind": "joined", "file": fewer})),
        refused("joined", "spark: twice the same", (_NAME,), file("spark", damage=twice)),
    ]  # fmt: skip


def _encrypted() -> list[Case]:
    plain = {"plain_footer": True, "columns": ["login_count"]}
    hidden = {"plain_footer": False, "columns": ["login_count"]}
    return [
        refused("encryption", "pyarrow: the footer", (_NAME, "encrypted"), file("pyarrow", encrypted=hidden)),
        refused("encryption", "duckdb: all", (_NAME, "encrypted"), file("duckdb", key="secret")),
        refused("encryption", "pyarrow: a column", (_NAME, "login_count", "encrypted"),
                file("pyarrow", encrypted=plain)),
    ]  # fmt: skip


def _not_parquet() -> list[Case]:
    text = "user_id,login_count\nU1,1\n"
    return [
        refused("no Parquet", "a CSV", (_NAME, "not Parquet"), file("bytes", text=text)),
        refused("no Parquet", "nothing", (_NAME, "0 bytes"), file("bytes", text="")),
        refused("no Parquet", "the two marks", (_NAME,), file("bytes", text="PAR1\0\0\0\0PAR1")),
        refused("no Parquet", "compressed as a whole", (_NAME, "not Parquet"),
                file("pandas", damage={"kind": "compress"})),
        refused("no Parquet", "half of a file", (_NAME, "truncated"),
                file("polars", damage={"kind": "truncate", "keep": 500})),
        refused("no Parquet", "a mark of UTF-8 before", (_NAME,),
                file("pyarrow", damage={"kind": "before", "text": "\ufeff"})),
        refused("no Parquet", "a line after", (_NAME, "truncated"),
                file("duckdb", damage={"kind": "after", "text": "\n"})),
        refused("no Parquet", "a footer of zeros", (_NAME, "cannot be read as Parquet"),
                file("pyarrow", damage={"kind": "footer", "byte": 0})),
        refused("no Parquet", "a footer of noise", (_NAME, "cannot be read as Parquet"),
                file("fastparquet", damage={"kind": "footer", "byte": 255})),
    ]  # fmt: skip


CASES = [*_damaged(), *_joined(), *_encrypted(), *_not_parquet()]
