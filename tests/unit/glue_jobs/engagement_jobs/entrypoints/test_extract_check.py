"""Whole extracts and those that are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from engagement_jobs.contract.errors import ExtractError
from engagement_jobs.entrypoints.extract_check import activity_key, check_extract

KEY = "activity/dt=2026-11-23/activity.parquet"
WHOLE = b"PAR1" + b"column chunks" + b"meta" + (4).to_bytes(4, "little") + b"PAR1"
AGAIN = "start it again"


@dataclass
class FakeBucket:
    """Objects in memory, each with an ETag that counts its uploads."""

    objects: dict[str, tuple[bytes, str]]
    reads: list[tuple[int, int]] = field(default_factory=list)
    meanwhile: Callable[[], None] | None = None

    def uri(self, key: str) -> str:
        return f"s3://in/{key}"

    def head(self, key: str) -> tuple[int, str] | None:
        if key not in self.objects:
            return None
        body, etag = self.objects[key]
        return len(body), etag

    def read_range(self, key: str, start: int, length: int) -> tuple[bytes, str]:
        if self.meanwhile:
            self.meanwhile()
        self.reads.append((start, length))
        body, etag = self.objects[key]
        return body[start : start + length], etag

    def list_files(self, prefix: str) -> list[tuple[str, int]]:
        return [(key[len(prefix) :], len(body)) for key, (body, _) in self.objects.items() if key.startswith(prefix)]


def test_a_whole_extract_and_few_bytes_read() -> None:
    bucket = FakeBucket({KEY: (WHOLE, "abc")})
    assert check_extract(bucket, KEY, AGAIN) == {"input_uri": f"s3://in/{KEY}", "input_etags": json.dumps({KEY: "abc"})}
    assert sum(length for _, length in bucket.reads) == 12


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, ("does not exist", "Upload it, then")),
        (b"", ("0 bytes",)),
        (b"PAR1PAR1", ("only 8 bytes", "12 bytes")),
        (b"user_id,login_count\n", ("begins with b'user'", "PAR1", "no Parquet file")),
        (WHOLE[:-3], ("ends with", "cut off")),
        (WHOLE[:-8] + (99).to_bytes(4, "little") + b"PAR1", ("footer of 99", "bytes are missing")),
    ],
)
def test_says_what_is_wrong_and_what_to_do(body: bytes | None, words: tuple[str, ...]) -> None:
    bucket = FakeBucket({} if body is None else {KEY: (body, "abc")})
    with pytest.raises(ExtractError) as refusal:
        check_extract(bucket, KEY, AGAIN)
    for word in (f"s3://in/{KEY}", f"then {AGAIN}.", *words):
        assert word in str(refusal.value)


def test_an_extract_that_is_replaced_while_it_is_checked() -> None:
    bucket = FakeBucket({KEY: (WHOLE, "abc")})
    bucket.meanwhile = lambda: bucket.objects.update({KEY: (WHOLE, f"read-{len(bucket.reads)}")})
    with pytest.raises(ExtractError, match="was replaced while it was checked"):
        check_extract(bucket, KEY, AGAIN)


MARKER = "activity/dt=2026-11-23/_SUCCESS"


def many(*names: str) -> FakeBucket:
    files = {f"activity/dt=2026-11-23/{name}": (WHOLE, f"etag of {name}") for name in names}
    return FakeBucket(files | {MARKER: (b"", "marker"), "activity/dt=2026-11-22/b.parquet": (WHOLE, "of another day")})


def test_all_files_beside_a_marker_are_the_extract() -> None:
    bucket = many("b.parquet", "a.parquet", "country=DE/c.parquet", "_committed_1", ".a.crc", "_tmp/d.parquet")
    found = check_extract(bucket, MARKER, AGAIN)
    assert found["input_uri"] == "s3://in/activity/dt=2026-11-23/"
    names = ["a.parquet", "b.parquet", "country=DE/c.parquet"]
    assert json.loads(found["input_etags"]) == {f"activity/dt=2026-11-23/{name}": f"etag of {name}" for name in names}


def test_a_marker_that_says_too_much() -> None:
    with pytest.raises(ExtractError, match=r"_SUCCESS does not exist: .* then start it again\."):
        check_extract(FakeBucket({KEY: (WHOLE, "abc")}), MARKER, AGAIN)
    with pytest.raises(ExtractError, match="_SUCCESS has no file beside it"):
        check_extract(many("_committed_1"), MARKER, AGAIN)
    with pytest.raises(ExtractError, match="has 401 files beside it; wanted at most 400"):
        check_extract(many(*(f"{number}.parquet" for number in range(401))), MARKER, AGAIN)
    bucket = many("a.parquet", "b.parquet")
    bucket.objects["activity/dt=2026-11-23/b.parquet"] = (WHOLE[:-1], "cut")
    with pytest.raises(ExtractError, match=r"b\.parquet .*cut off"):
        check_extract(bucket, MARKER, AGAIN)


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("activity/dt={score_date}/activity.parquet", KEY),
        ("{score_date}/{other}/{score_date}", "2026-11-23/{other}/2026-11-23"),
    ],
)
def test_the_key_of_a_day(pattern: str, key: str) -> None:
    assert activity_key(pattern, "2026-11-23") == key
