"""Is the night's extract whole? Looked at byte by byte before a cluster is paid to read it."""

import json
from dataclasses import dataclass
from typing import Protocol

MAGIC = b"PAR1"
SMALLEST = 12
"""Bytes of the least Parquet file: the magic at both ends and the footer's length."""


class BadActivityError(ValueError):
    """The extract is not there or not whole; only a new upload helps."""


@dataclass(frozen=True, slots=True)
class Head:
    """An object's size in bytes and its ETag without quotes."""

    size: int
    etag: str


class Objects(Protocol):
    """What is needed of an object store."""

    def head(self, bucket: str, key: str) -> Head | None:
        """Return size and ETag, None when there is no such object."""
        ...

    def read(self, bucket: str, key: str, start: int, length: int) -> tuple[bytes, str]:
        """Return some bytes, and the ETag of the object they came from."""
        ...


def check_activity(store: Objects, bucket: str, key: str) -> dict[str, str | int]:
    """Return ``input_uri``, ``input_etags`` (JSON text, key to ETag) and ``bytes`` of a whole Parquet file.

    :raises BadActivityError: when it is missing, empty, cut off, no Parquet, or was replaced meanwhile.
    """
    where = f"s3://{bucket}/{key}"
    head = store.head(bucket, key)
    if head is None:
        raise BadActivityError(
            f"{where} does not exist, though the sensor saw a key that begins so (a sidecar like .crc?) or "
            "it was deleted since; upload the extract, then clear wait_for_activity"
        )
    if head.size < SMALLEST:
        found = "is empty (0 bytes)" if head.size == 0 else f"has only {head.size} bytes"
        raise BadActivityError(f"{where} {found}; wanted a Parquet file of at least {SMALLEST} bytes. {_REMEDY}")
    first = _read(store, bucket, key, head, 0, 4)
    last = _read(store, bucket, key, head, head.size - 8, 8)
    if first != MAGIC:
        raise BadActivityError(
            f"{where} ({head.size} bytes) begins with {first!r}; wanted {MAGIC!r}: no Parquet file. {_REMEDY}"
        )
    if last[4:] != MAGIC:
        raise BadActivityError(
            f"{where} ({head.size} bytes) ends with {last[4:]!r}; wanted {MAGIC!r}: cut off while uploading? {_REMEDY}"
        )
    footer = int.from_bytes(last[:4], "little")
    if footer > head.size - SMALLEST:
        raise BadActivityError(
            f"{where} has {head.size} bytes but claims a footer of {footer}: bytes are missing. {_REMEDY}"
        )
    return {"input_uri": where, "input_etags": json.dumps({key: head.etag}), "bytes": head.size}


_REMEDY = "Upload it again, then clear check_activity"


def _read(store: Objects, bucket: str, key: str, head: Head, start: int, length: int) -> bytes:
    data, etag = store.read(bucket, key, start, length)
    if etag != head.etag:
        raise BadActivityError(
            f"s3://{bucket}/{key} was replaced while it was checked (ETag {head.etag}, then {etag}); wait "
            "for the upload to end, then clear check_activity"
        )
    return data
