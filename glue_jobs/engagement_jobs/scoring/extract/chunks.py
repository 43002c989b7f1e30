"""The column chunks that a footer describes.

pyarrow ends the process (`std::terminate`) when it examines a chunk that is encrypted, or described by damaged bytes.
So parquet-mr reads them, which Spark brings along.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from engagement_jobs.common.error_lines import root_cause
from engagement_jobs.scoring.extract.footers import ExtractFile, damaged_footer

# Numbers of parquet.thrift, in order.
_TYPES = ("BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
_CODECS = ("UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW")
_DELTA_LENGTH_BYTE_ARRAY = 6
_BYTE_STREAM_SPLIT = 9
_FIRST_BYTE = 4  # after the magic number


@dataclass(frozen=True)
class Chunk:
    """One column in one row group.

    :param path: of the column; the names of a nested one are joined by full stops
    :param is_split: whether it has the encoding BYTE_STREAM_SPLIT
    :param has_lengths: whether it has the encoding DELTA_LENGTH_BYTE_ARRAY
    :param start: of its first page, in bytes from the start of the object
    :param end: after its last page
    """

    path: str
    physical_type: str
    codec: str
    is_split: bool
    has_lengths: bool
    is_encrypted: bool
    start: int
    end: int


def read_chunks(spark: SparkSession, file: ExtractFile) -> list[Chunk]:
    """Return the column chunks of a file, except those without rows, which writers describe in many ways.

    :raises SchemaError: the footer contradicts itself, so it is damaged
    """
    jvm: Any = spark.sparkContext._jvm
    try:
        metadata = jvm.org.apache.parquet.format.Util.readFileMetaData(jvm.java.io.ByteArrayInputStream(file.footer))
        # What is not used, and could not be written again if it has types that this version does not know.
        metadata.setSchema(jvm.java.util.ArrayList())
        metadata.unsetColumn_orders()
        metadata.unsetKey_value_metadata()
        text = _json_serializer(jvm, metadata).toString(metadata)
    except Py4JError as error:  # whatever Java throws
        raise damaged_footer(file.uri, root_cause(error)) from None
    groups = json.loads(text, strict=False).get("row_groups", [])
    if sum(group["num_rows"] for group in groups) != file.rows:
        raise damaged_footer(file.uri, "its row groups do not have as many rows as the file")
    return [chunk for group in groups if group["num_rows"] for chunk in _chunks_of_group(file, group)]


def _json_serializer(jvm: Any, metadata: Any) -> Any:
    """Return a serializer to JSON, from the copy of Thrift that this build of parquet-mr contains."""
    package = metadata.getClass().getInterfaces()[0].getPackage().getName()
    thrift = functools.reduce(getattr, package.split("."), jvm)
    return thrift.TSerializer(thrift.protocol.TSimpleJSONProtocol.Factory())


def _chunks_of_group(file: ExtractFile, group: dict[str, Any]) -> list[Chunk]:
    schema = file.metadata.schema
    if len(group["columns"]) != len(schema):
        raise damaged_footer(file.uri, f"a row group has {len(group['columns'])} columns, the schema has {len(schema)}")
    chunks = []
    for number, described in enumerate(group["columns"]):
        leaf = schema.column(number)
        is_encrypted = "crypto_metadata" in described
        if "meta_data" in described:
            chunk = _chunk(described["meta_data"], is_encrypted)
            if not leaf.max_repetition_level and "." not in leaf.path:
                _check_chunk(file, leaf, chunk, described["meta_data"]["num_values"], group["num_rows"])
        elif is_encrypted:
            chunk = _hidden_chunk(leaf)
        else:
            raise damaged_footer(file.uri, f"nothing describes column {leaf.path!r}")
        chunks.append(chunk)
    return chunks


def _chunk(described: dict[str, Any], is_encrypted: bool) -> Chunk:
    start = described["data_page_offset"]
    if described.get("dictionary_page_offset"):  # some writers write 0 for none
        start = min(start, described["dictionary_page_offset"])
    return Chunk(
        path=".".join(described["path_in_schema"]),
        physical_type=_TYPES[described["type"]],
        codec=_CODECS[described["codec"]],
        is_split=_BYTE_STREAM_SPLIT in described["encodings"],
        has_lengths=_DELTA_LENGTH_BYTE_ARRAY in described["encodings"],
        is_encrypted=is_encrypted,
        start=start,
        end=start + described["total_compressed_size"],
    )


def _hidden_chunk(leaf: pq.ColumnSchema) -> Chunk:
    """Return an encrypted chunk of which the footer says nothing else; without a length, it is nowhere in the way."""
    return Chunk(
        path=leaf.path,
        physical_type=leaf.physical_type,
        codec="UNCOMPRESSED",
        is_split=False,
        has_lengths=False,
        is_encrypted=True,
        start=_FIRST_BYTE,
        end=_FIRST_BYTE,
    )


def _check_chunk(file: ExtractFile, leaf: pq.ColumnSchema, chunk: Chunk, values: int, rows: int) -> None:
    """Compare a chunk with the schema and its row group: Spark would read the values of another column."""
    if (chunk.path, chunk.physical_type) != (leaf.path, leaf.physical_type):
        raise damaged_footer(file.uri, f"a row group does not have column {leaf.path!r} as the schema describes it")
    if values != rows:
        raise damaged_footer(file.uri, f"column {leaf.path!r} has {values} values in a row group of {rows} rows")
