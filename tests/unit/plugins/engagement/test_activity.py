"""Every way in which an upload can be broken, and the message for each."""

import json

import pytest

from engagement.activity import BadActivityError, Head, check_activity

BUCKET, KEY = "activity-bucket", "activity/dt=2026-11-23/activity.parquet"
WHERE = f"s3://{BUCKET}/{KEY}"


class Store:
    """One object, and how often it is replaced."""

    def __init__(self, body: bytes | None, etags: tuple[str, ...] = ("e1",)) -> None:
        self.body = body
        self.etags = list(etags)

    def head(self, bucket: str, key: str) -> Head | None:
        assert (bucket, key) == (BUCKET, KEY)
        return None if self.body is None else Head(len(self.body), self.etags[0])

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]:
        raise AssertionError(f"one file was asked for, not what lies below s3://{bucket}/{prefix}")

    def read(self, bucket: str, key: str, start: int, length: int) -> tuple[bytes, str]:
        assert (bucket, key) == (BUCKET, KEY)
        assert self.body is not None
        if len(self.etags) > 1:
            self.etags.pop(0)
        return self.body[start : start + length], self.etags[0]


def parquet(footer: int = 4, *, claimed: int | None = None) -> bytes:
    size = footer if claimed is None else claimed
    return b"PAR1" + b"f" * footer + size.to_bytes(4, "little") + b"PAR1"


def check(store: Store) -> dict[str, str | int]:
    return check_activity(store, BUCKET, KEY)


@pytest.mark.parametrize("body", [parquet(), parquet(0), parquet(1000, claimed=10)])
def test_a_whole_file(body: bytes) -> None:
    found = check(Store(body))
    assert found == {"input_uri": WHERE, "input_etags": f'{{"{KEY}": "e1"}}', "bytes": len(body)}
    assert json.loads(str(found["input_etags"])) == {KEY: "e1"}


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
    with pytest.raises(BadActivityError) as raised:
        check(Store(body))
    message = str(raised.value)
    assert message.startswith(WHERE)
    assert said in message
    assert "then clear" in message


def test_replaced_while_it_was_read() -> None:
    with pytest.raises(BadActivityError, match=r"was replaced while it was checked \(ETag e1, then e2\)"):
        check(Store(parquet(), ("e1", "e2")))


class Folder:
    """The files of an extract beside its marker."""

    def __init__(self, *names: str, body: bytes | None = None) -> None:
        self.objects = {FOLDER + name: parquet() if body is None else body for name in names}

    def head(self, bucket: str, key: str) -> Head | None:
        assert bucket == BUCKET
        return Head(len(self.objects[key]), f"etag of {key}") if key in self.objects else None

    def read(self, bucket: str, key: str, start: int, length: int) -> tuple[bytes, str]:
        assert bucket == BUCKET
        return self.objects[key][start : start + length], f"etag of {key}"

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]:
        assert bucket == BUCKET
        return {key.removeprefix(prefix): len(body) for key, body in self.objects.items() if key.startswith(prefix)}


FOLDER = "activity/dt=2026-11-23/"
MARKER = f"{FOLDER}_SUCCESS"


def test_all_files_beside_a_marker_are_the_extract() -> None:
    store = Folder("_SUCCESS", "b.parquet", "a.parquet", "country=DE/c.parquet", "_committed", ".a.crc", "sub/")
    found = check_activity(store, BUCKET, MARKER)
    keys = [FOLDER + name for name in ("a.parquet", "b.parquet", "country=DE/c.parquet")]
    assert found["input_uri"] == f"s3://{BUCKET}/{FOLDER}"
    assert json.loads(str(found["input_etags"])) == {key: f"etag of {key}" for key in keys}
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
    with pytest.raises(BadActivityError) as raised:
        check_activity(Folder(*names), BUCKET, MARKER)
    assert said in str(raised.value)


def test_a_broken_file_among_whole_ones_is_named() -> None:
    store = Folder("_SUCCESS", "a.parquet", "b.parquet")
    store.objects[f"{FOLDER}b.parquet"] = parquet()[:-1]
    with pytest.raises(BadActivityError, match=rf"s3://{BUCKET}/{FOLDER}b\.parquet .*cut off"):
        check_activity(store, BUCKET, MARKER)
