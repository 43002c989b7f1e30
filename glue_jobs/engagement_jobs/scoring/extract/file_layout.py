"""Where the parts of a Parquet file are: bytes that are missing, and files that were joined into one object.

A Parquet file is the magic number, column chunks, indexes and Bloom filters, the footer, its length, and the magic
number again. Offsets in the footer count from the start of the object. If two files are joined, the footer at the end
is that of the second file, and its offsets point into the first one: if both have the same layout, Spark reads the
rows of the first file only and reports nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from engagement_jobs.common.aws import Store, split_uri
from engagement_jobs.contract.errors import SchemaError
from engagement_jobs.scoring.extract.chunks import Chunk
from engagement_jobs.scoring.extract.footers import END_BYTES, MAGIC, ExtractFile, parse_footer

_MIN_FILE_BYTES = len(MAGIC) + END_BYTES
_READ_BYTES = 4 << 20


def check_layout(file: ExtractFile, chunks: Sequence[Chunk]) -> None:
    """Compare the offsets in the footer with the size of the object.

    :param chunks: all column chunks of the file
    :raises SchemaError: bytes are missing, or the object is several Parquet files one after the other
    """
    data_end = max((chunk.end for chunk in chunks), default=len(MAGIC))
    footer_start = file.size - END_BYTES - len(file.footer)
    if data_end > footer_start:
        raise SchemaError(
            f"{file.uri} ({file.size} bytes) is damaged: its footer describes column data up to byte {data_end}, "
            f"expected at most {footer_start}, where the footer begins. Upload the extract again, then clear "
            "check_activity."
        )
    _check_order(file, chunks)
    # As many bytes as all files before the last one have, plus its indexes and Bloom filters.
    earlier_end = _find_earlier_file(file, footer_start - data_end)
    if earlier_end:
        raise SchemaError(
            f"{file.uri} ({file.size} bytes) is several Parquet files one after the other: one of them ends at byte "
            f"{earlier_end}. Parquet files cannot be joined like text files. Have one file written, or a folder of "
            "files, then clear check_activity."
        )


def _check_order(file: ExtractFile, chunks: Sequence[Chunk]) -> None:
    """Check that no two chunks share bytes: Spark would read the values of one column for another one."""
    position = len(MAGIC)
    for chunk in sorted((each for each in chunks if each.end > each.start), key=lambda each: each.start):
        if chunk.start < position:
            raise SchemaError(
                f"{file.uri} is damaged: its footer describes column {chunk.path!r} from byte {chunk.start}, expected "
                f"at least {position}, where the one before it ends. Upload the extract again, then clear "
                "check_activity."
            )
        position = chunk.end


def _find_earlier_file(file: ExtractFile, search_end: int) -> int | None:
    """Return where another Parquet file ends within the first bytes of the object, None if there is none.

    The last such end is found first: only the indexes and Bloom filters of the file after it are searched.
    """
    bucket, key = split_uri(file.uri)
    store = Store(bucket)
    end = search_end
    while end >= _MIN_FILE_BYTES:
        start = max(0, end - _READ_BYTES)
        body, _ = store.read_range(key, start, end - start)
        position = body.rfind(MAGIC)
        while position >= 0:
            if _is_end_of_file(store, key, start + position + len(MAGIC)):
                return start + position + len(MAGIC)
            position = body.rfind(MAGIC, 0, position + len(MAGIC) - 1)
        if not start:
            break
        end = start + len(MAGIC) - 1  # a magic number may be on both sides of the start
    return None


def _is_end_of_file(store: Store, key: str, end: int) -> bool:
    """Return whether a readable footer ends at this byte: four letters alone may be part of any text."""
    if end < _MIN_FILE_BYTES:
        return False
    last, _ = store.read_range(key, end - END_BYTES, 4)
    footer_bytes = int.from_bytes(last, "little")
    if not 0 < footer_bytes <= end - _MIN_FILE_BYTES:
        return False
    footer, _ = store.read_range(key, end - END_BYTES - footer_bytes, footer_bytes)
    try:
        parse_footer(footer)
    except UnicodeDecodeError:
        return True  # a footer, in which the name of a column is not UTF-8
    except (pa.ArrowException, OSError):
        return False
    return True
