"""User ids whose bytes are not UTF-8, such as those of a Latin-1 export that is labeled as a string."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from engagement_jobs.scoring.row_validation import invalid_reason, is_valid
from engagement_jobs.scoring.weights import Weights
from tests.support.glue_days import DAY, HOSTILE_IDS, SCHEMA, row, score, score_arguments
from tests.support.glue_emulators import Bucket

METRICS = Weights.default().metric_names
UTF_8 = [
    *(user_id.encode() for user_id in HOSTILE_IDS),
    b"\x7f",
    "\u0080\u07ff\u0800\ud7ff\ue000\ufffd".encode(),
    "\U00010000\U0010ffff".encode(),
]
NOT_UTF_8 = [
    *(name.encode("latin-1") for name in ("Zoë", "É", "Ærø", "na\xefve", "\xa0", "50\xa3", "\x85")),
    "Łódź".encode("cp1250"),
    "用户".encode("gbk"),
    "Zoë".encode("utf-16"),
    "Zoë".encode()[:-1],
    "ë".encode()[1:],
    b"cut off \xf0\x9f\x9b",
    b"overlong \xc0\xaf \xe0\x80\xaf",
    b"surrogate \xed\xa0\x80",
    b"too large \xf4\x90\x80\x80",
    b"five bytes \xf8\x88\x80\x80\x80",
    *(bytes([byte]) for byte in range(0x80, 0x100)),
    *(b"a" + bytes([byte]) + b"z" for byte in range(0x80, 0x100)),
]


def extract(user_ids: Sequence[bytes], logins: Sequence[int]) -> bytes:
    """Return an extract with a column `user_id` of type string that has these bytes."""
    rows = [row(None, count) for count in logins]
    table = pa.Table.from_pylist(rows, SCHEMA)
    strings = pa.array(user_ids, pa.binary()).view(pa.string())  # not checked, unlike a cast
    file = io.BytesIO()
    pq.write_table(table.set_column(0, SCHEMA.field("user_id"), strings), file)
    return file.getvalue()


def is_utf_8(user_id: bytes) -> bool:
    try:
        user_id.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_exactly_the_ids_that_are_not_utf_8_are_invalid(spark: SparkSession, tmp_path: Path) -> None:
    user_ids = [*UTF_8, *NOT_UTF_8, b"\t\xa0"]
    (tmp_path / "extract.parquet").write_bytes(extract(user_ids, [1] * len(user_ids)))
    rows = spark.read.parquet((tmp_path / "extract.parquet").as_uri())
    found = rows.selectExpr("cast(user_id as binary) id", "*").select(
        "id", is_valid(METRICS).alias("valid"), invalid_reason(METRICS).alias("reason")
    )
    reasons = [(bytes(each.id), each.valid, each.reason) for each in found.collect()]
    assert reasons == [
        (user_id, is_utf_8(user_id), None if is_utf_8(user_id) else "user_id_not_utf8") for user_id in user_ids
    ]
    assert [user_id for user_id, valid, _ in reasons if valid] == UTF_8


@pytest.mark.parametrize("encoding", ["latin-1", "cp1250", "mac-roman"])
def test_ids_of_another_encoding_are_not_scored(spark: SparkSession, bucket: Bucket, encoding: str) -> None:
    names = ["Zoë", "Zoé", "Zoë", "Zoe", "Çelik", "Çelik"]
    user_ids = [name.encode(encoding) for name in names]
    arguments = score_arguments(bucket, extract(user_ids, [1, 2, 1, 3, 4, 5]), max_invalid_fraction="0.9")
    manifest = score(spark, arguments)
    assert manifest["rows"] == {"input": 6, "scored": 1, "invalid": 5, "deduplicated": 0}
    assert manifest["reasons"] == {"user_id_not_utf8": 5}
    (part,) = (key for key in bucket.keys(f"scores/dt={DAY}/") if "part-" in key and len(bucket.table(key)) > 1)
    assert [line[0] for line in bucket.table(part)[1:]] == ["Zoe"]
    invalid = bucket.lines(f"invalid/dt={DAY}/")
    assert {line["reason"] for line in invalid} == {"user_id_not_utf8"}
    read_again = [(bytes.fromhex(line["user_id"]).decode(encoding), line["login_count"]) for line in invalid]
    assert sorted(read_again) == sorted((name, n) for name, n in zip(names, [1, 2, 1, 3, 4, 5], strict=True) if n != 3)
