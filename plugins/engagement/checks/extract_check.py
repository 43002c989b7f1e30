"""Checks a few bytes of each file of the extract, before a Glue job reads all of them.

Without Airflow, the scoring job does the same check. ``tests/contract`` compares the results.
"""

import json

from engagement.aws.s3 import Bucket, ObjectHead
from engagement.contract.errors import ExtractError

MAGIC = b"PAR1"
ENCRYPTED_MAGIC = b"PARE"
"""At both ends of a file whose footer is encrypted."""
MIN_FILE_BYTES = 12
"""Size of the smallest Parquet file: the magic number at both ends and the length of the footer."""
MARKER = "_SUCCESS"
MAX_FILES = 400
MAX_ETAGS_LENGTH = 100_000
"""Maximum characters of ``input_etags``. Linux limits an argument to 131,071; Glue may reject about 180,000."""


def check_extract(bucket: Bucket, key: str) -> dict[str, str | int]:
    """Check every file of an extract by its first and last bytes.

    :param key: key of the Parquet file, or of the ``_SUCCESS`` object in a folder of them
    :return: ``input_uri`` (of the file, or of the folder with a slash at its end), ``input_etags`` (JSON text, key to
        ETag) and ``bytes`` (total size)
    :raises ExtractError: a file is missing, empty, truncated, not Parquet, or was replaced during the check
    """
    folder, _, name = key.rpartition("/")
    keys = [key]
    if name == MARKER:
        if bucket.head(key) is None:
            raise ExtractError(_missing(_uri(bucket, key)))
        keys = _list_files(bucket, f"{folder}/" if folder else "")
    for each in keys:
        _check_name(_uri(bucket, each), each)
    heads = {each: _check_file(bucket, each) for each in keys}
    uri = _uri(bucket, key.removesuffix(MARKER))
    etags = json.dumps({each: head.etag for each, head in heads.items()})
    if len(etags) > MAX_ETAGS_LENGTH:
        raise ExtractError(
            f"{uri} has {len(heads)} data files whose names take {len(etags):,} characters, expected at most "
            f"{MAX_ETAGS_LENGTH:,}, because they are an argument of the Glue job. {_FEWER_FILES}"
        )
    return {"input_uri": uri, "input_etags": etags, "bytes": sum(head.size for head in heads.values())}


_UPLOAD_AGAIN = "Upload it again, then clear check_activity"
_FEWER_FILES = "Have fewer, larger files written, then clear check_activity"


def _uri(bucket: Bucket, key: str) -> str:
    return f"s3://{bucket.name}/{key}"


def _missing(uri: str) -> str:
    return (
        f"{uri} does not exist: the sensor saw another key that starts with it (such as a .crc file), or it was "
        "deleted since. Upload the extract, then clear wait_for_activity"
    )


def _list_files(bucket: Bucket, folder: str) -> list[str]:
    """List the keys of the data files in a folder. Like Spark, ignore names that start with _ or a dot."""
    names = (head.key.removeprefix(folder) for head in bucket.list_objects(folder))
    # Names that end with a slash or _$folder$ stand for folders.
    files = (name for name in names if name and not name.endswith(("/", "_$folder$")))
    data_files = sorted(name for name in files if not any(part[0] in "_." for part in name.split("/") if part))
    marker = _uri(bucket, folder + MARKER)
    if not data_files:
        raise ExtractError(f"{marker} exists without data files, expected at least one Parquet file. {_UPLOAD_AGAIN}")
    if len(data_files) > MAX_FILES:
        raise ExtractError(
            f"{marker} has {len(data_files)} data files, expected at most {MAX_FILES}, because their names are an "
            f"argument of the Glue job. {_FEWER_FILES}"
        )
    return [folder + name for name in data_files]


def _check_name(uri: str, key: str) -> None:
    """Refuse a key that Spark ignores, or does not find because it resolves the path."""
    *folders, name = key.split("/")
    if name[0] in "_.":
        raise ExtractError(
            f"{uri} has a name that begins with {name[0]!r}, which Spark ignores. Have it written under another name, "
            "then clear check_activity"
        )
    if not {"", ".", ".."}.isdisjoint(folders):
        raise ExtractError(
            f"{uri} has an empty folder name or a dot as one in its path, which Spark resolves. Have it written "
            "under another name, then clear check_activity"
        )


def _check_file(bucket: Bucket, key: str) -> ObjectHead:
    """Return the head of a complete Parquet file."""
    uri = _uri(bucket, key)
    head = bucket.head(key)
    if head is None:
        raise ExtractError(_missing(uri))
    size = head.size
    if size < MIN_FILE_BYTES:
        raise ExtractError(
            f"{uri} has {size} bytes, expected a Parquet file of at least {MIN_FILE_BYTES}. {_UPLOAD_AGAIN}"
        )
    first = _read_part(bucket, head, 0, 4)
    last = _read_part(bucket, head, size - 8, 8)
    if ENCRYPTED_MAGIC in (first, last[4:]):
        raise ExtractError(
            f"{uri}: the footer is encrypted (Parquet modular encryption), which the job cannot read; have it written "
            "without encryption, then clear check_activity"
        )
    if first != MAGIC:
        raise ExtractError(f"{uri} is not Parquet: it begins with {first!r}, expected {MAGIC!r}. {_UPLOAD_AGAIN}")
    if last[4:] != MAGIC:
        raise ExtractError(
            f"{uri} ({size} bytes) is truncated: it ends with {last[4:]!r}, expected {MAGIC!r}. {_UPLOAD_AGAIN}"
        )
    footer = int.from_bytes(last[:4], "little")
    if footer > size - MIN_FILE_BYTES:
        raise ExtractError(f"{uri} ({size} bytes) is truncated: its footer alone takes {footer} bytes. {_UPLOAD_AGAIN}")
    return head


def _read_part(bucket: Bucket, head: ObjectHead, start: int, length: int) -> bytes:
    data, etag = bucket.read_part(head.key, start, length)
    if etag != head.etag:
        raise ExtractError(
            f"{_uri(bucket, head.key)} was replaced during the check (ETag {head.etag}, then {etag}). Wait until the "
            "upload is complete, then clear check_activity"
        )
    return data
