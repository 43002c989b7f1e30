"""Every way in which an upload can be broken, and the message for each."""

import json

import pytest

from engagement.checks.extract_check import check_extract
from engagement.contract.errors import ExtractError
from tests.unit.plugins.engagement.memory_bucket import MemoryBucket

BUCKET, KEY = "activity-bucket", "activity/dt=2026-11-23/activity.parquet"
WHERE = f"s3://{BUCKET}/{KEY}"
FOLDER = "activity/dt=2026-11-23/"
MARKER = f"{FOLDER}_SUCCESS"


def parquet(footer: int = 4, *, claimed: int | None = None) -> bytes:
    size = footer if claimed is None else claimed
    return b"PAR1" + b"f" * footer + size.to_bytes(4, "little") + b"PAR1"


def one_file(body: bytes | None) -> MemoryBucket:
    return MemoryBucket({} if body is None else {KEY: body}, BUCKET)


def etags(bucket: MemoryBucket, *keys: str) -> dict[str, str]:
    return {key: found.etag for key in keys if (found := bucket.head(key))}


def folder(*names: str) -> MemoryBucket:
    return MemoryBucket({FOLDER + name: parquet() for name in names}, BUCKET)


@pytest.mark.parametrize("body", [parquet(), parquet(0), parquet(1000, claimed=10)])
def test_a_whole_file(body: bytes) -> None:
    bucket = one_file(body)
    found = check_extract(bucket, KEY)
    assert (found["input_uri"], found["bytes"]) == (WHERE, len(body))
    assert json.loads(str(found["input_etags"])) == etags(bucket, KEY)
    assert bucket.listings == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "does not exist, though the sensor saw a key that begins so"),
        (b"", "is empty (0 bytes); wanted a Parquet file of at least 12 bytes"),
        (b"PAR1PAR1", "has only 8 bytes; wanted a Parquet file of at least 12 bytes"),
        (b"user_id,login_count\n1,2\n", "(24 bytes) begins with b'user'; wanted b'PAR1': no Parquet file"),
        (parquet(100)[:-4], "(108 bytes) ends with b'd\\x00\\x00\\x00'; wanted b'PAR1': cut off while uploading?"),
        (parquet(4, claimed=5), "has 16 bytes but claims a footer of 5: bytes are missing"),
        (parquet(4, claimed=2**32 - 1), "claims a footer of 4294967295"),
    ],
)
def test_broken_files(body: bytes | None, said: str) -> None:
    with pytest.raises(ExtractError) as raised:
        check_extract(one_file(body), KEY)
    message = str(raised.value)
    assert message.startswith(WHERE)
    assert said in message
    assert "then clear" in message


def test_replaced_while_it_was_read() -> None:
    class Replaced(MemoryBucket):
        def read_part(self, key: str, start: int, length: int) -> tuple[bytes, str]:
            return super().read_part(key, start, length)[0], "e2"

    with pytest.raises(ExtractError, match=r"was replaced while it was checked \(ETag [0-9a-f]{32}, then e2\)"):
        check_extract(Replaced({KEY: parquet()}, BUCKET), KEY)


def test_all_files_beside_a_marker_are_the_extract() -> None:
    store = folder("_SUCCESS", "b.parquet", "a.parquet", "country=DE/c.parquet", "_committed", ".a.crc", "sub/")
    found = check_extract(store, MARKER)
    keys = [FOLDER + name for name in ("a.parquet", "b.parquet", "country=DE/c.parquet")]
    assert found["input_uri"] == f"s3://{BUCKET}/{FOLDER}"
    assert json.loads(str(found["input_etags"])) == etags(store, *keys)
    assert found["bytes"] == 3 * len(parquet())


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a.parquet",), f"s3://{BUCKET}/{MARKER} does not exist, though the sensor saw"),
        (("_SUCCESS", "_committed"), f"s3://{BUCKET}/{MARKER} has no file beside it"),
        (("_SUCCESS", *map(str, range(401))), "has 401 files beside it; wanted at most 400"),
    ],
)
def test_a_marker_that_says_too_much(names: tuple[str, ...], said: str) -> None:
    with pytest.raises(ExtractError) as raised:
        check_extract(folder(*names), MARKER)
    assert said in str(raised.value)


def test_a_broken_file_among_whole_ones_is_named() -> None:
    store = folder("_SUCCESS", "a.parquet", "b.parquet")
    store.objects[f"{FOLDER}b.parquet"] = parquet()[:-1]
    with pytest.raises(ExtractError, match=rf"s3://{BUCKET}/{FOLDER}b\.parquet .*cut off"):
        check_extract(store, MARKER)
