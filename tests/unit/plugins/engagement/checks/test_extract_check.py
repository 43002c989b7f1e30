"""Every way in which an extract can be invalid, and the message for each."""

import json

import pytest

from engagement.checks.extract_check import check_extract
from engagement.contract.errors import ExtractError
from tests.unit.plugins.engagement.memory_bucket import MemoryBucket

BUCKET, KEY = "activity-bucket", "activity/dt=2026-11-23/activity.parquet"
URI = f"s3://{BUCKET}/{KEY}"
FOLDER = "activity/dt=2026-11-23/"
MARKER = f"{FOLDER}_SUCCESS"


def parquet(footer: int = 4, *, claimed: int | None = None) -> bytes:
    size = footer if claimed is None else claimed
    return b"PAR1" + b"f" * footer + size.to_bytes(4, "little") + b"PAR1"


def one_file(body: bytes | None) -> MemoryBucket:
    return MemoryBucket({} if body is None else {KEY: body}, BUCKET)


def etags(bucket: MemoryBucket, *keys: str) -> dict[str, str]:
    return {key: head.etag for key in keys if (head := bucket.head(key))}


def folder(*names: str) -> MemoryBucket:
    return MemoryBucket({FOLDER + name: parquet() for name in names}, BUCKET)


@pytest.mark.parametrize("body", [parquet(), parquet(0), parquet(1000, claimed=10)])
def test_a_complete_file_is_accepted(body: bytes) -> None:
    bucket = one_file(body)
    found = check_extract(bucket, KEY)
    assert (found["input_uri"], found["bytes"]) == (URI, len(body))
    assert json.loads(str(found["input_etags"])) == etags(bucket, KEY)
    assert bucket.listings == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "does not exist: the sensor saw another key that starts with it"),
        (b"", "has 0 bytes, expected a Parquet file of at least 12"),
        (b"PAR1PAR1", "has 8 bytes, expected a Parquet file of at least 12"),
        (b"user_id,login_count\n1,2\n", "is not Parquet: it begins with b'user', expected b'PAR1'"),
        (b"PARE" + parquet()[4:-4] + b"PARE", ": the footer is encrypted (Parquet modular encryption), which the job"),
        (parquet(100)[:-4], "(108 bytes) is truncated: it ends with b'd\\x00\\x00\\x00', expected b'PAR1'"),
        (parquet(4, claimed=5), "(16 bytes) is truncated: its footer alone takes 5 bytes"),
        (parquet(4, claimed=2**32 - 1), "its footer alone takes 4294967295 bytes"),
    ],
)
def test_an_invalid_file_is_rejected(body: bytes | None, message: str) -> None:
    with pytest.raises(ExtractError) as raised:
        check_extract(one_file(body), KEY)
    text = str(raised.value)
    assert text.startswith(URI)
    assert message in text
    assert "then clear" in text


def test_a_file_replaced_during_the_check_is_rejected() -> None:
    class Replaced(MemoryBucket):
        def read_part(self, key: str, start: int, length: int) -> tuple[bytes, str]:
            return super().read_part(key, start, length)[0], "e2"

    with pytest.raises(ExtractError, match=r"was replaced during the check \(ETag [0-9a-f]{32}, then e2\)"):
        check_extract(Replaced({KEY: parquet()}, BUCKET), KEY)


def test_all_data_files_next_to_a_marker_are_checked() -> None:
    bucket = folder("_SUCCESS", "b.parquet", "a.parquet", "country=DE/c.parquet", "_committed", ".a.crc", "sub/")
    found = check_extract(bucket, MARKER)
    keys = [FOLDER + name for name in ("a.parquet", "b.parquet", "country=DE/c.parquet")]
    assert found["input_uri"] == f"s3://{BUCKET}/{FOLDER}"
    assert json.loads(str(found["input_etags"])) == etags(bucket, *keys)
    assert found["bytes"] == 3 * len(parquet())


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a.parquet",), f"s3://{BUCKET}/{MARKER} does not exist: the sensor saw"),
        (("_SUCCESS", "_committed"), f"s3://{BUCKET}/{MARKER} exists without data files"),
        (("_SUCCESS", *map(str, range(401))), "has 401 data files, expected at most 400"),
    ],
)
def test_an_invalid_folder_is_rejected(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(ExtractError) as raised:
        check_extract(folder(*names), MARKER)
    assert message in str(raised.value)


def test_the_message_names_the_invalid_file() -> None:
    bucket = folder("_SUCCESS", "a.parquet", "b.parquet")
    bucket.objects[f"{FOLDER}b.parquet"] = parquet()[:-1]
    with pytest.raises(ExtractError, match=rf"s3://{BUCKET}/{FOLDER}b\.parquet .*is truncated"):
        check_extract(bucket, MARKER)
