"""Is the night's extract whole? Looked at byte by byte before a cluster is paid to read it."""

import json

from engagement.aws.s3 import Bucket, ObjectHead
from engagement.contract.errors import ExtractError

MAGIC = b"PAR1"
MIN_FILE_BYTES = 12
"""Bytes of the least Parquet file: the magic at both ends and the footer's length."""
MARKER = "_SUCCESS"
MAX_FILES = 400
MAX_ETAGS_LENGTH = 100_000
"""Characters of ``input_etags``: Linux takes at most 131,071 in an argument, Glue is said to refuse some 180,000."""
GLOB_CHARACTERS = "[]{}*?\\"
"""What Spark takes for a pattern in a path."""


def check_extract(bucket: Bucket, key: str) -> dict[str, str | int]:
    """Return ``input_uri``, ``input_etags`` (JSON text, key to ETag) and ``bytes`` of a whole extract.

    :param key: of the Parquet file; or of a folder's ``_SUCCESS``, which a writer of many files adds last: then every
        file of that folder counts, and ``input_uri`` is the folder's, with a slash at its end
    :raises ExtractError: when a file is missing, empty, cut off, no Parquet, or was replaced meanwhile.
    """
    folder, _, name = key.rpartition("/")
    keys = [key]
    if name == MARKER:
        if bucket.head(key) is None:
            raise ExtractError(_gone(f"s3://{bucket.name}/{key}"))
        keys = _files(bucket, f"{folder}/" if folder else "")
    heads = {each: _check_file(bucket, each) for each in keys}
    where = f"s3://{bucket.name}/{key.removesuffix(MARKER)}"
    etags = json.dumps({each: head.etag for each, head in heads.items()})
    if len(etags) > MAX_ETAGS_LENGTH:
        raise ExtractError(
            f"{where} has {len(heads)} files whose names take {len(etags):,} characters; wanted at most "
            f"{MAX_ETAGS_LENGTH:,}, for they are an argument of the Glue job. Have fewer and larger ones written, "
            "then clear check_activity"
        )
    return {"input_uri": where, "input_etags": etags, "bytes": sum(head.size for head in heads.values())}


_REMEDY = "Upload it again, then clear check_activity"


def _gone(where: str) -> str:
    return (
        f"{where} does not exist, though the sensor saw a key that begins so (a sidecar like .crc?) or "
        "it was deleted since; upload the extract, then clear wait_for_activity"
    )


def _files(bucket: Bucket, folder: str) -> list[str]:
    """Keys of the extract's files; as everywhere around Spark, a name that begins with _ or . is none."""
    # Names with slash or _$folder$ at their end stand for folders.
    below = (found.key.removeprefix(folder) for found in bucket.list_objects(folder))
    names = [name for name in below if name and not name.endswith(("/", "_$folder$"))]
    found = sorted(name for name in names if not any(part[0] in "_." for part in name.split("/") if part))
    where = f"s3://{bucket.name}/{folder}{MARKER}"
    if not found:
        raise ExtractError(f"{where} has no file beside it; wanted at least one Parquet file. {_REMEDY}")
    if len(found) > MAX_FILES:
        raise ExtractError(
            f"{where} has {len(found)} files beside it; wanted at most {MAX_FILES}, for each is named in an argument "
            "of the Glue job. Have fewer and larger ones written, then clear check_activity"
        )
    for name in found:
        if not set(name).isdisjoint(GLOB_CHARACTERS):
            raise ExtractError(
                f"s3://{bucket.name}/{folder}{name} has one of {GLOB_CHARACTERS} in its name, which Spark takes for a "
                "pattern; wanted none of them. Have it written under another name, then clear check_activity"
            )
    return [folder + name for name in found]


def _check_file(bucket: Bucket, key: str) -> ObjectHead:
    where = f"s3://{bucket.name}/{key}"
    head = bucket.head(key)
    if head is None:
        raise ExtractError(_gone(where))
    if head.size < MIN_FILE_BYTES:
        found = "is empty (0 bytes)" if head.size == 0 else f"has only {head.size} bytes"
        raise ExtractError(f"{where} {found}; wanted a Parquet file of at least {MIN_FILE_BYTES} bytes. {_REMEDY}")
    first = _read(bucket, head, 0, 4)
    last = _read(bucket, head, head.size - 8, 8)
    if first != MAGIC:
        raise ExtractError(
            f"{where} ({head.size} bytes) begins with {first!r}; wanted {MAGIC!r}: no Parquet file. {_REMEDY}"
        )
    if last[4:] != MAGIC:
        raise ExtractError(
            f"{where} ({head.size} bytes) ends with {last[4:]!r}; wanted {MAGIC!r}: cut off while uploading? {_REMEDY}"
        )
    footer = int.from_bytes(last[:4], "little")
    if footer > head.size - MIN_FILE_BYTES:
        raise ExtractError(
            f"{where} has {head.size} bytes but claims a footer of {footer}: bytes are missing. {_REMEDY}"
        )
    return head


def _read(bucket: Bucket, head: ObjectHead, start: int, length: int) -> bytes:
    data, etag = bucket.read_part(head.key, start, length)
    if etag != head.etag:
        raise ExtractError(
            f"s3://{bucket.name}/{head.key} was replaced while it was checked (ETag {head.etag}, then {etag}); wait "
            "for the upload to end, then clear check_activity"
        )
    return data
