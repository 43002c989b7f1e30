"""Is the day's extract there and whole? Asked by job 1 itself in a workflow, where no task before it has looked.

The Airflow side asks the same in `check_activity`; `tests/contract/` compares the answers.
"""

from __future__ import annotations

import json
from typing import Protocol

from engagement_jobs.contract.errors import ExtractError

MAGIC = b"PAR1"
MIN_FILE_BYTES = 12
"""Bytes of the least Parquet file: the magic at both ends and the footer's length."""
MARKER = "_SUCCESS"
MAX_FILES = 400
MAX_ETAGS_LENGTH = 100_000
GLOB_CHARACTERS = "[]{}*?\\"


class ObjectReader(Protocol):
    """What is needed of a bucket."""

    def uri(self, key: str) -> str:
        """The object's `s3://` URI."""

    def head(self, key: str) -> tuple[int, str] | None:
        """Size in bytes and ETag, None when there is no such object."""

    def read_range(self, key: str, start: int, length: int) -> tuple[bytes, str]:
        """Some bytes, and the ETag of the object that they came from."""

    def list_files(self, prefix: str) -> list[tuple[str, int]]:
        """Name below a prefix and size of every object there."""


def activity_key(pattern: str, score_date: str) -> str:
    """The key of a date's extract: `pattern` with `{score_date}` filled in."""
    return pattern.replace("{score_date}", score_date)


def check_extract(bucket: ObjectReader, key: str, next_step: str) -> dict[str, str]:
    """`input_uri` and `input_etags` (JSON text, key to ETag) of a whole extract.

    :param key: of the Parquet file; or of a folder's `_SUCCESS`: then every file of that folder counts
    :param next_step: what to do once the extract is right, as the end of a sentence
    :raises ExtractError: when a file is missing, empty, cut off, no Parquet, or was replaced meanwhile
    """
    folder, _, name = key.rpartition("/")
    keys = [key]
    if name == MARKER:
        if bucket.head(key) is None:
            raise ExtractError(_missing(bucket.uri(key), next_step))
        keys = _list_files(bucket, f"{folder}/" if folder else "", next_step)
    etags = json.dumps({each: _check_file(bucket, each, next_step) for each in keys})
    where = bucket.uri(key.removesuffix(MARKER))
    if len(etags) > MAX_ETAGS_LENGTH:
        raise ExtractError(
            f"{where} has {len(keys)} files whose names take {len(etags):,} characters; wanted at most "
            f"{MAX_ETAGS_LENGTH:,}. Have fewer and larger ones written, then {next_step}."
        )
    return {"input_uri": where, "input_etags": etags}


def _missing(where: str, next_step: str) -> str:
    return f"{where} does not exist: the day's extract has not come. Upload it, then {next_step}."


def _list_files(bucket: ObjectReader, folder: str, next_step: str) -> list[str]:
    """Keys of the extract's files; a name that begins with _ or . is none, as Spark sees it."""
    names = (name for name, _ in bucket.list_files(folder) if not name.endswith("_$folder$"))
    found = sorted(name for name in names if not any(part[0] in "_." for part in name.split("/") if part))
    where = bucket.uri(folder + MARKER)
    if not found:
        raise ExtractError(
            f"{where} has no file beside it; wanted at least one Parquet file. Upload it, then {next_step}."
        )
    if len(found) > MAX_FILES:
        raise ExtractError(
            f"{where} has {len(found)} files beside it; wanted at most {MAX_FILES}. Have fewer and larger ones "
            f"written, then {next_step}."
        )
    for name in found:
        if not set(name).isdisjoint(GLOB_CHARACTERS):
            raise ExtractError(
                f"{bucket.uri(folder + name)} has one of {GLOB_CHARACTERS} in its name, which Spark takes for a "
                f"pattern; wanted none of them. Have it written under another name, then {next_step}."
            )
    return [folder + name for name in found]


def _check_file(bucket: ObjectReader, key: str, next_step: str) -> str:
    """The ETag of a whole Parquet file."""
    where = bucket.uri(key)
    remedy = f"Upload it again, then {next_step}."
    head = bucket.head(key)
    if head is None:
        raise ExtractError(_missing(where, next_step))
    size, etag = head
    if size < MIN_FILE_BYTES:
        found = "is empty (0 bytes)" if size == 0 else f"has only {size} bytes"
        raise ExtractError(f"{where} {found}; wanted a Parquet file of at least {MIN_FILE_BYTES} bytes. {remedy}")
    first, etag_then = bucket.read_range(key, 0, 4)
    last, etag_now = bucket.read_range(key, size - 8, 8)
    if not etag == etag_then == etag_now:
        raise ExtractError(f"{where} was replaced while it was checked. Wait for the upload to end, then {next_step}.")
    if first != MAGIC:
        raise ExtractError(f"{where} ({size} bytes) begins with {first!r}; wanted {MAGIC!r}: no Parquet file. {remedy}")
    if last[4:] != MAGIC:
        raise ExtractError(
            f"{where} ({size} bytes) ends with {last[4:]!r}; wanted {MAGIC!r}: cut off while uploading? {remedy}"
        )
    footer = int.from_bytes(last[:4], "little")
    if footer > size - MIN_FILE_BYTES:
        raise ExtractError(f"{where} has {size} bytes but claims a footer of {footer}: bytes are missing. {remedy}")
    return etag
