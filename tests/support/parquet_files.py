"""Parquet files of pyarrow and DuckDB, encrypted files, and bytes changed at a place that the footer names."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe


def write(table: pa.Table, **options: Any) -> bytes:
    """Return a table as one Parquet file."""
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def write_with_duckdb(table: pa.Table, options: str = "") -> bytes:
    """Return a table as one Parquet file of DuckDB.

    :param options: of COPY, such as `parquet_version v2`
    """
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        path = Path(folder) / "table.parquet"
        connection.register("rows", table)
        connection.execute(f"copy (from rows) to '{path}' (format parquet{options and ', '}{options})")
        return path.read_bytes()


class _KeyService(pe.KmsClient):  # type: ignore[misc]
    """Keys that protect nothing."""

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:  # noqa: ARG002
        return base64.b64encode(key_bytes)

    def unwrap_key(self, wrapped_key: str, master_key_identifier: str) -> bytes:  # noqa: ARG002
        return base64.b64decode(wrapped_key)


def encryption(columns: Sequence[str], *, plaintext_footer: bool) -> Any:
    """Return the option `encryption_properties` of pyarrow that encrypts columns."""
    configuration = pe.EncryptionConfiguration(
        footer_key="footer", column_keys={"column": list(columns)}, plaintext_footer=plaintext_footer
    )
    factory = pe.CryptoFactory(lambda _: _KeyService())
    return factory.file_encryption_properties(pe.KmsConnectionConfig(), configuration)


def encrypt(table: pa.Table, columns: Sequence[str], *, plaintext_footer: bool) -> bytes:
    """Return a table as a Parquet file with encrypted columns."""
    return write(table, encryption_properties=encryption(columns, plaintext_footer=plaintext_footer))


def change(body: bytes, start: int, new: bytes) -> bytes:
    """Replace bytes without a change of the length."""
    return body[:start] + new + body[start + len(new) :]


def chunk(body: bytes, column: str) -> Any:
    """Return pyarrow's description of a column in the first row group."""
    group = pq.read_metadata(io.BytesIO(body)).row_group(0)
    return next(each for each in map(group.column, range(group.num_columns)) if each.path_in_schema == column)


def chunk_range(body: bytes, column: str) -> tuple[int, int]:
    """Return where the pages of a column in the first row group begin and end."""
    described = chunk(body, column)
    start = described.dictionary_page_offset or described.data_page_offset
    return start, start + described.total_compressed_size


def flip_last_value(body: bytes, column: str) -> bytes:
    """Change one bit near the end of a column's last page."""
    place = chunk_range(body, column)[1] - 6
    return change(body, place, bytes([body[place] ^ 0x10]))
