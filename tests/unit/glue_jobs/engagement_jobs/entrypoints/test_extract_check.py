"""Which extracts are complete, and the error messages for the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from engagement_jobs.contract.errors import ExtractError
from engagement_jobs.entrypoints.extract_check import check_extract

KEY = "activity/dt=2026-11-23/activity.parquet"
COMPLETE = b"PAR1" + b"column chunks" + b"meta" + (4).to_bytes(4, "little") + b"PAR1"
NEXT_STEP = "start it again"


@dataclass
class FakeBucket:
    """Objects in memory: key to body and ETag."""

    objects: dict[str, tuple[bytes, str]]
    reads: list[tuple[int, int]] = field(default_factory=list)
    before_read: Callable[[], None] | None = None

    def uri(self, key: str) -> str:
        return f"s3://in/{key}"

    def head(self, key: str) -> tuple[int, str] | None:
        if key not in self.objects:
            return None
        body, etag = self.objects[key]
        return len(body), etag

    def read_range(self, key: str, start: int, length: int) -> tuple[bytes, str]:
        if self.before_read:
            self.before_read()
        self.reads.append((start, length))
        body, etag = self.objects[key]
        return body[start : start + length], etag

    def list_files(self, prefix: str) -> list[tuple[str, int]]:
        return [(key[len(prefix) :], len(body)) for key, (body, _) in self.objects.items() if key.startswith(prefix)]


def test_a_complete_extract_is_checked_with_twelve_bytes() -> None:
    bucket = FakeBucket({KEY: (COMPLETE, "abc")})
    assert check_extract(bucket, KEY, NEXT_STEP) == {
        "input_uri": f"s3://in/{KEY}",
        "input_etags": json.dumps({KEY: "abc"}),
    }
    assert sum(length for _, length in bucket.reads) == 12


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, ("does not exist", "Upload it, then")),
        (b"", ("has 0 bytes",)),
        (b"PAR1PAR1", ("has 8 bytes", "at least 12")),
        (b"user_id,login_count\n", ("is not Parquet", "begins with b'user'", "PAR1")),
        (b"PARE" + COMPLETE[4:-4] + b"PARE", (": the footer is encrypted (Parquet", "without encryption, then")),
        (COMPLETE[:-3], ("is truncated", "ends with")),
        (COMPLETE[:-8] + (99).to_bytes(4, "little") + b"PAR1", ("is truncated", "footer alone takes 99 bytes")),
    ],
)
def test_an_error_says_what_is_wrong_and_what_to_do(body: bytes | None, words: tuple[str, ...]) -> None:
    bucket = FakeBucket({} if body is None else {KEY: (body, "abc")})
    with pytest.raises(ExtractError) as error:
        check_extract(bucket, KEY, NEXT_STEP)
    for word in (f"s3://in/{KEY}", f"then {NEXT_STEP}.", *words):
        assert word in str(error.value)


def test_a_file_that_is_replaced_during_the_check_is_refused() -> None:
    bucket = FakeBucket({KEY: (COMPLETE, "abc")})
    bucket.before_read = lambda: bucket.objects.update({KEY: (COMPLETE, f"read-{len(bucket.reads)}")})
    with pytest.raises(ExtractError, match="was replaced during the check"):
        check_extract(bucket, KEY, NEXT_STEP)


MARKER = "activity/dt=2026-11-23/_SUCCESS"


def folder_with(*names: str) -> FakeBucket:
    files = {f"activity/dt=2026-11-23/{name}": (COMPLETE, f"etag of {name}") for name in names}
    return FakeBucket(
        files | {MARKER: (b"", "marker"), "activity/dt=2026-11-22/b.parquet": (COMPLETE, "of another day")}
    )


def test_all_data_files_of_a_marked_folder_are_the_extract() -> None:
    bucket = folder_with("b.parquet", "a.parquet", "country=DE/c.parquet", "_committed_1", ".a.crc", "_tmp/d.parquet")
    result = check_extract(bucket, MARKER, NEXT_STEP)
    assert result["input_uri"] == "s3://in/activity/dt=2026-11-23/"
    names = ["a.parquet", "b.parquet", "country=DE/c.parquet"]
    assert json.loads(result["input_etags"]) == {f"activity/dt=2026-11-23/{name}": f"etag of {name}" for name in names}


def test_a_marker_without_a_complete_extract_is_refused() -> None:
    with pytest.raises(ExtractError, match=r"_SUCCESS does not exist: .* then start it again\."):
        check_extract(FakeBucket({KEY: (COMPLETE, "abc")}), MARKER, NEXT_STEP)
    with pytest.raises(ExtractError, match="_SUCCESS exists without data files"):
        check_extract(folder_with("_committed_1"), MARKER, NEXT_STEP)
    with pytest.raises(ExtractError, match="has 401 data files, expected at most 400"):
        check_extract(folder_with(*(f"{number}.parquet" for number in range(401))), MARKER, NEXT_STEP)
    bucket = folder_with("a.parquet", "b.parquet")
    bucket.objects["activity/dt=2026-11-23/b.parquet"] = (COMPLETE[:-1], "truncated")
    with pytest.raises(ExtractError, match=r"b\.parquet .*truncated"):
        check_extract(bucket, MARKER, NEXT_STEP)
