"""The files of the extract and their Parquet footers, read in the driver before Spark starts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow._parquet import _reconstruct_filemetadata

from engagement_jobs.common.aws import Store, split_uri
from engagement_jobs.common.error_lines import root_cause
from engagement_jobs.contract.arguments import ScoreArguments
from engagement_jobs.contract.errors import ExtractError, InputChangedError, SchemaError

FILES_AT_ONCE = 8
_TAIL_BYTES = 64 << 10
"""Read of each file at once; footers are rarely longer."""
MAGIC, _ENCRYPTED_MAGIC = b"PAR1", b"PARE"
END_BYTES = 8  # the length of the footer and the magic number
WRITE_AGAIN = "Have the extract written again, then clear check_activity."


@dataclass(frozen=True)
class ExtractFile:
    """A checked file of the extract.

    :param key: in the bucket of the extract
    :param uri: `s3://bucket/key`
    :param size: bytes of the object
    :param metadata: the Parquet footer
    :param footer: its bytes in the object
    """

    key: str
    uri: str
    size: int
    metadata: pq.FileMetaData
    footer: bytes

    @property
    def rows(self) -> int:
        """Number of rows that the footer promises."""
        return int(self.metadata.num_rows)


def read_files(arguments: ScoreArguments) -> tuple[ExtractFile, ...]:
    """Read the footer of every checked file, in the order of `input_etags`.

    :raises InputChangedError: a file was deleted or replaced, or is not part of the extract
    :raises SchemaError: a file is not Parquet, or its footer is damaged or encrypted
    """
    store, extract = _bucket_and_key(arguments)
    is_folder = extract.endswith("/")
    foreign = [key for key in arguments.input_etags if key != extract and not (is_folder and key.startswith(extract))]
    if foreign:
        raise InputChangedError(f"--input_etags names {', '.join(foreign[:3])}, expected only files of {extract}.")
    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        return tuple(pool.map(lambda item: _read_file(store, *item), arguments.input_etags.items()))


def check_not_empty(uri: str, files: Sequence[ExtractFile]) -> None:
    """Check that the extract has a row.

    :raises ExtractError: no file has rows
    """
    if not any(file.rows for file in files):
        where = f"in {len(files)} files" if len(files) > 1 else "in its only file"
        raise ExtractError(f"the extract is empty: {uri} has no rows {where}. {WRITE_AGAIN}")


def parse_footer(footer: bytes) -> pq.FileMetaData:
    """Parse a footer without its length and the magic number.

    :raises OSError: the footer is damaged
    :raises UnicodeDecodeError: the name of a column is not UTF-8
    """
    try:
        return pq.read_metadata(io.BytesIO(MAGIC + footer + len(footer).to_bytes(4, "little") + MAGIC))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # The footer is parsed, but pyarrow also converts each column to a type of Arrow, and one of them has none.
        # Not at once: this function ends the process if it cannot parse the footer.
        metadata = _reconstruct_filemetadata(pa.py_buffer(footer))
        for number in range(len(metadata.schema)):
            metadata.schema.column(number).path  # noqa: B018 - pyarrow decodes it here
        return metadata


def damaged_footer(uri: str, cause: str) -> SchemaError:
    """Return the error of a file whose footer cannot be parsed, or contradicts itself."""
    return SchemaError(f"{uri} cannot be read as Parquet: its footer is damaged ({cause}). {WRITE_AGAIN}")


def check_unchanged(arguments: ScoreArguments) -> None:
    """Compare the ETag of every file with that of the extract check.

    :raises InputChangedError: a file was deleted or replaced
    """
    store, _ = _bucket_and_key(arguments)
    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        heads = pool.map(store.head, arguments.input_etags)
        for (key, expected), head in zip(arguments.input_etags.items(), heads, strict=True):
            _check_head(store.uri(key), head, expected)


def _bucket_and_key(arguments: ScoreArguments) -> tuple[Store, str]:
    bucket, key = split_uri(arguments.input_uri)
    return Store(bucket), key


def _read_file(store: Store, key: str, etag: str) -> ExtractFile:
    uri = store.uri(key)
    size = _check_head(uri, store.head(key), etag)
    tail = _read_tail(store, key, etag, size, _TAIL_BYTES)
    if tail.endswith(_ENCRYPTED_MAGIC):
        raise SchemaError(
            f"{uri}: the footer is encrypted (Parquet modular encryption), which the job cannot read; have it written "
            "without encryption, then clear check_activity."
        )
    footer_bytes = int.from_bytes(tail[-END_BYTES:-4], "little")
    if not tail.endswith(MAGIC) or footer_bytes > size - END_BYTES - len(MAGIC):
        raise SchemaError(
            f"{uri} ({size} bytes) cannot be read as Parquet: it does not end with a footer and {MAGIC!r}. "
            f"{WRITE_AGAIN}"
        )
    end_bytes = footer_bytes + END_BYTES
    if end_bytes > len(tail):
        tail = _read_tail(store, key, etag, size, end_bytes)
    try:
        metadata = parse_footer(tail[-end_bytes:-END_BYTES])
    except UnicodeDecodeError as error:
        raise SchemaError(
            f"{uri} cannot be read as Parquet: the column name {error.object!r} is not UTF-8. {WRITE_AGAIN}"
        ) from None
    except (pa.ArrowException, OSError) as error:
        cause = root_cause(error).replace("TProtocolException: ", "")  # the class says nothing more
        raise damaged_footer(uri, cause) from None
    return ExtractFile(key, uri, size, metadata, tail[-end_bytes:-END_BYTES])


def _check_head(uri: str, head: tuple[int, str] | None, expected: str) -> int:
    """Return the size of an object that is still the checked one."""
    if head is None:
        raise InputChangedError(
            f"{uri} was deleted after it was checked. Upload the extract, then clear check_activity."
        )
    size, etag = head
    if etag != expected:
        raise InputChangedError(
            f"{uri} was replaced after it was checked: its ETag is {etag}, expected {expected}. Clear "
            "check_activity to score the new extract."
        )
    return size


def _read_tail(store: Store, key: str, etag: str, size: int, length: int) -> bytes:
    """Read the last bytes of an object, all if it has fewer."""
    if not size:  # S3 has no range of an empty object
        return b""
    start = max(0, size - length)
    tail, tail_etag = store.read_range(key, start, size - start)
    _check_head(store.uri(key), (size, tail_etag), etag)
    return tail
