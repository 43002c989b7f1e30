"""The check that the extract is present and complete.

In a workflow run, the scoring job runs this check itself, because there is no earlier task. The Airflow side has the
same check in `check_activity`; `tests/contract/` compares the results.
"""

from __future__ import annotations

import json
from typing import Protocol

from engagement_jobs.contract.errors import ExtractError

MAGIC = b"PAR1"
ENCRYPTED_MAGIC = b"PARE"
"""At both ends of a file whose footer is encrypted."""
MIN_FILE_BYTES = 12
"""Size of the smallest Parquet file: the magic number at both ends and the length of the footer."""
MARKER = "_SUCCESS"
MAX_FILES = 400
MAX_ETAGS_LENGTH = 100_000
"""Characters of `input_etags`: Linux limits one argument to 131,071, and Glue limits all of them."""


class ObjectReader(Protocol):
    """The operations on the bucket that the check needs."""

    def uri(self, key: str) -> str:
        """Return the object's `s3://` URI."""

    def head(self, key: str) -> tuple[int, str] | None:
        """Return the object's size in bytes and its ETag, or None if it does not exist."""

    def read_range(self, key: str, start: int, length: int) -> tuple[bytes, str]:
        """Return some bytes, and the ETag of the object that they came from."""

    def list_files(self, prefix: str) -> list[tuple[str, int]]:
        """Return the name below a prefix and the size of every object there."""


def check_extract(bucket: ObjectReader, key: str, next_step: str) -> dict[str, str]:
    """Check every file of an extract by its first and last bytes.

    :param key: of the Parquet file; or of a folder's `_SUCCESS`, then every data file of that folder is checked
    :param next_step: what to do once the extract is right, as the end of a sentence
    :return: `input_uri` and `input_etags` (JSON text, key to ETag)
    :raises ExtractError: a file is missing, empty, truncated, not Parquet, or was replaced during the check
    """
    folder, _, name = key.rpartition("/")
    keys = [key]
    if name == MARKER:
        if bucket.head(key) is None:
            raise ExtractError(_missing(bucket.uri(key), next_step))
        keys = _list_files(bucket, f"{folder}/" if folder else "", next_step)
    for each in keys:
        _check_name(bucket.uri(each), each, next_step)
    etags = json.dumps({each: _check_file(bucket, each, next_step) for each in keys})
    uri = bucket.uri(key.removesuffix(MARKER))
    if len(etags) > MAX_ETAGS_LENGTH:
        raise ExtractError(
            f"{uri} has {len(keys)} data files whose names take {len(etags):,} characters, expected at most "
            f"{MAX_ETAGS_LENGTH:,}. Have fewer, larger files written, then {next_step}."
        )
    return {"input_uri": uri, "input_etags": etags}


def _missing(uri: str, next_step: str) -> str:
    return f"{uri} does not exist: the extract has not arrived. Upload it, then {next_step}."


def _list_files(bucket: ObjectReader, folder: str, next_step: str) -> list[str]:
    """List the keys of the data files in a folder. Like Spark, ignore names that begin with _ or a dot."""
    names = (name for name, _ in bucket.list_files(folder) if not name.endswith("_$folder$"))
    data_files = sorted(name for name in names if not any(part[0] in "_." for part in name.split("/") if part))
    marker = bucket.uri(folder + MARKER)
    if not data_files:
        raise ExtractError(
            f"{marker} exists without data files, expected at least one Parquet file. Upload the extract, then "
            f"{next_step}."
        )
    if len(data_files) > MAX_FILES:
        raise ExtractError(
            f"{marker} has {len(data_files)} data files, expected at most {MAX_FILES}. Have fewer, larger files "
            f"written, then {next_step}."
        )
    return [folder + name for name in data_files]


def _check_name(uri: str, key: str, next_step: str) -> None:
    """Refuse a key that Spark ignores, or does not find because it resolves the path."""
    *folders, name = key.split("/")
    if name[0] in "_.":
        raise ExtractError(
            f"{uri} has a name that begins with {name[0]!r}, which Spark ignores. Have it written under another name, "
            f"then {next_step}."
        )
    if not {"", ".", ".."}.isdisjoint(folders):
        raise ExtractError(
            f"{uri} has an empty folder name or a dot as one in its path, which Spark resolves. Have it written "
            f"under another name, then {next_step}."
        )


def _check_file(bucket: ObjectReader, key: str, next_step: str) -> str:
    """Return the ETag of a complete Parquet file."""
    uri = bucket.uri(key)
    remedy = f"Upload it again, then {next_step}."
    head = bucket.head(key)
    if head is None:
        raise ExtractError(_missing(uri, next_step))
    size, etag = head
    if size < MIN_FILE_BYTES:
        raise ExtractError(f"{uri} has {size} bytes, expected a Parquet file of at least {MIN_FILE_BYTES}. {remedy}")
    first, first_etag = bucket.read_range(key, 0, 4)
    last, last_etag = bucket.read_range(key, size - 8, 8)
    if not etag == first_etag == last_etag:
        raise ExtractError(f"{uri} was replaced during the check. Wait until the upload is complete, then {next_step}.")
    if ENCRYPTED_MAGIC in (first, last[4:]):
        raise ExtractError(
            f"{uri}: the footer is encrypted (Parquet modular encryption), which the job cannot read; have it written "
            f"without encryption, then {next_step}."
        )
    if first != MAGIC:
        raise ExtractError(f"{uri} is not Parquet: it begins with {first!r}, expected {MAGIC!r}. {remedy}")
    if last[4:] != MAGIC:
        raise ExtractError(
            f"{uri} ({size} bytes) is truncated: it ends with {last[4:]!r}, expected {MAGIC!r}. {remedy}"
        )
    footer = int.from_bytes(last[:4], "little")
    if footer > size - MIN_FILE_BYTES:
        raise ExtractError(f"{uri} ({size} bytes) is truncated: its footer alone takes {footer} bytes. {remedy}")
    return etag
