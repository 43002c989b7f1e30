"""The durations that an Arrow schema names, also where pyarrow refuses the schema."""

from __future__ import annotations

import base64
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engagement_jobs.contract.errors import SchemaError
from engagement_jobs.scoring.extract.arrow_schema import duration_columns
from engagement_jobs.scoring.extract.columns import column_types
from engagement_jobs.scoring.extract.footers import ExtractFile, parse_footer
from engagement_jobs.scoring.weights import Weights
from tests.support.glue_days import parquet, row

DURATION = pa.duration("ns")
_BITS = (64).to_bytes(4, "little")


def stored(*fields: tuple[str, pa.DataType], bits: int = 64) -> bytes:
    """Return an Arrow schema as a footer has it.

    :param bits: instead of the 64 of its 64-bit integers
    """
    serialized = pa.schema(list(fields), {"key": "value"}).serialize().to_pybytes()
    return base64.b64encode(serialized.replace(_BITS, bits.to_bytes(4, "little")))


def file_with(arrow_schema: bytes) -> ExtractFile:
    """Return a file that has every needed column, and this Arrow schema."""
    body = io.BytesIO()
    table = pq.read_table(io.BytesIO(parquet([row("U1")])))
    with pq.ParquetWriter(body, table.schema, store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"ARROW:schema": arrow_schema.decode()})
    written = body.getvalue()
    footer = written[-8 - int.from_bytes(written[-8:-4], "little") : -8]
    return ExtractFile("a.parquet", "s3://bucket/a.parquet", len(written), parse_footer(footer), footer)


@pytest.mark.parametrize("kind", [DURATION, pa.duration("s"), pa.dictionary(pa.int32(), DURATION)], ids=str)
def test_durations_of_the_top_level_are_found(kind: pa.DataType) -> None:
    others = [("number", pa.int32()), ("list", pa.list_(kind)), ("time", pa.time64("ns")), ("struct", pa.struct([]))]
    assert duration_columns(stored(*others)) == frozenset()
    assert duration_columns(stored(("first", kind), *others, ("März", kind))) == {"first", "März"}


def test_a_type_that_pyarrow_does_not_know_hides_no_duration() -> None:
    schema = stored(("huge", pa.int64()), ("time_spent_minutes", DURATION), bits=128)
    with pytest.raises(pa.ArrowNotImplementedError):
        pa.ipc.read_schema(pa.py_buffer(base64.b64decode(schema)))
    assert duration_columns(schema) == {"time_spent_minutes"}
    with pytest.raises(SchemaError, match="column time_spent_minutes is duration, expected"):
        column_types(file_with(schema), Weights.default(), "3.5.6")


@pytest.mark.parametrize(
    "schema",
    [b"", b"!!!", b"AAAA", stored(("huge", pa.int64()), bits=128)],
    ids=["empty", "not base64", "short", "128-bit integer"],
)
def test_a_file_is_read_whatever_its_arrow_schema_is(schema: bytes) -> None:
    assert duration_columns(schema) == frozenset()
    assert len(column_types(file_with(schema), Weights.default(), "3.5.6")) == 5


def test_every_cut_of_a_schema_is_survived() -> None:
    whole = base64.b64decode(stored(("time", DURATION), ("number", pa.int64())))
    for end in range(len(whole)):
        assert all("time".startswith(name) for name in duration_columns(base64.b64encode(whole[:end])))
