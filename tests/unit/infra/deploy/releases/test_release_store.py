"""Releases in the bucket: complete with their manifest, never changed, found by the start of a hash."""

from __future__ import annotations

import re
from typing import Any

import pytest

from infra.deploy.errors import DeployError
from infra.deploy.releases.release import Release, sha256
from infra.deploy.releases.release_store import ReleaseStore
from tests.unit.infra.deploy.fakes import FakeS3

COMMIT = "1a2b" * 10
OTHER = "1a2c" * 10
FILES = {"plugins.zip": b"zip", "dags/a.py": b"dag", "jobs/score_users.py": b"job"}
RELEASE = Release(COMMIT, FILES, data_format=1)


def test_the_manifest_is_written_last() -> None:
    s3 = FakeS3()
    assert ReleaseStore(s3, "b").upload(RELEASE)[-1] == "release.json"
    assert s3.written[-1] == f"releases/{COMMIT}/release.json"
    assert len(s3.written) == len(FILES) + 1


def test_existing_files_are_not_written_again() -> None:
    s3 = FakeS3()
    ReleaseStore(s3, "b").upload(RELEASE)
    s3.written.clear()
    assert ReleaseStore(s3, "b").upload(RELEASE) == []
    assert s3.written == []


def test_an_interrupted_upload_is_completed() -> None:
    s3 = FakeS3()
    s3.objects[f"releases/{COMMIT}/dags/a.py"] = b"dag"
    assert ReleaseStore(s3, "b").upload(RELEASE) == ["jobs/score_users.py", "plugins.zip", "release.json"]


@pytest.mark.parametrize("conditional", [True, False])
def test_a_file_with_other_bytes_is_never_overwritten(conditional: bool) -> None:
    s3 = FakeS3(conditional=conditional)
    s3.objects[f"releases/{COMMIT}/plugins.zip"] = b"other"
    with pytest.raises(DeployError, match="exists with other bytes") as raised:
        ReleaseStore(s3, "b").upload(RELEASE)
    assert sha256(b"other") in str(raised.value)
    assert sha256(b"zip") in str(raised.value)
    assert s3.written == []


class RacedS3(FakeS3):
    """A parallel upload writes plugins.zip between the check and the write."""

    def __init__(self, theirs: bytes) -> None:
        super().__init__()
        self._theirs = theirs

    def put_object(self, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str = "", **more: Any) -> None:  # noqa: N803
        if Key.endswith("plugins.zip"):
            self.objects[Key] = self._theirs
        super().put_object(Bucket, Key, Body, IfNoneMatch, **more)


def test_a_parallel_upload_of_the_same_bytes_is_accepted() -> None:
    s3 = RacedS3(b"zip")
    ReleaseStore(s3, "b").upload(RELEASE)
    assert f"releases/{COMMIT}/release.json" in s3.objects


def test_a_parallel_upload_of_other_bytes_is_reported() -> None:
    with pytest.raises(DeployError, match="other bytes"):
        ReleaseStore(RacedS3(b"theirs"), "b").upload(RELEASE)


def test_a_release_is_found_by_the_start_of_its_hash() -> None:
    s3 = FakeS3()
    for commit in (COMMIT, OTHER):
        ReleaseStore(s3, "b").upload(Release(commit, FILES))
    store = ReleaseStore(s3, "b")
    assert store.find("1a2b") == COMMIT
    assert store.find(OTHER) == OTHER
    s3.objects[f"releases/1a2b{'0' * 36}/plugins.zip"] = b""  # an incomplete release does not count
    assert store.find("1a2b") == COMMIT


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("1a2", "expected the first 4 to 40 hex digits"),
        ("HEAD", "expected the first 4 to 40 hex digits"),
        ("ffff", "has this start; releases there: 1a2b00000000, 1a2b1a2b1a2b"),
        ("1a2b", "is ambiguous: 1a2b0000.*, 1a2b1a2b"),
    ],
)
def test_an_invalid_or_ambiguous_start_is_refused(start: str, message: str) -> None:
    s3 = FakeS3()
    for commit in (COMMIT, "1a2b" + "0" * 36):
        ReleaseStore(s3, "b").upload(Release(commit, FILES))
    with pytest.raises(DeployError, match=message):
        ReleaseStore(s3, "b").find(start)


def test_a_release_is_read_back_unchanged() -> None:
    s3 = FakeS3()
    ReleaseStore(s3, "b").upload(RELEASE)
    assert ReleaseStore(s3, "b").load(COMMIT) == RELEASE


@pytest.mark.parametrize("name", ["plugins.zip", "dags/a.py"])
@pytest.mark.parametrize("body", [b"changed", None])
def test_a_modified_release_is_not_loaded(name: str, body: bytes | None) -> None:
    s3 = FakeS3()
    ReleaseStore(s3, "b").upload(RELEASE)
    del s3.objects[f"releases/{COMMIT}/{name}"]
    if body is not None:
        s3.objects[f"releases/{COMMIT}/{name}"] = body
    with pytest.raises(DeployError, match=f"{name} is missing or does not have the hash in release.json"):
        ReleaseStore(s3, "b").load(COMMIT)


@pytest.mark.parametrize("data_format", [0, 3])
def test_the_data_format_is_read_from_the_manifest(data_format: int) -> None:
    store = ReleaseStore(FakeS3(), "b")
    store.upload(Release(COMMIT, FILES, data_format))
    assert store.deployed_manifest(COMMIT).data_format == store.load(COMMIT).data_format == data_format


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b'"2"', 'got "2"'),
        (b"null", "got null"),
        (b"true", "got true"),
        (b"-1", "got -1"),
        (b"1.0", "got 1.0"),
        (b"[1]", "got [1]"),
    ],
)
def test_an_invalid_data_format_is_refused(value: bytes, message: str) -> None:
    refuse_manifest(b'{"files": {}, "data_format": ' + value + b"}", message)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"null", b"{}", b'{"files": []}', b'{"files": {"a": {}}}'])
def test_a_damaged_manifest_is_refused(body: bytes) -> None:
    refuse_manifest(body, "expected a JSON object with the sha256 of each file")


def refuse_manifest(body: bytes, message: str) -> None:
    """Assert that every reader of this manifest refuses it, in one line that names the object."""
    s3 = FakeS3()
    s3.objects[f"releases/{COMMIT}/release.json"] = body
    store = ReleaseStore(s3, "b")
    for read in (store.deployed_manifest, store.manifest, store.load, store.find):
        with pytest.raises(DeployError, match=re.escape(message)) as raised:
            read(COMMIT)
        assert str(raised.value).startswith(f"s3://b/releases/{COMMIT}/release.json: expected a")
        assert "Restore the first version of the object" in str(raised.value)
        assert "\n" not in str(raised.value)


def test_a_release_without_a_data_format_is_kept_as_it_is() -> None:
    s3 = FakeS3()
    release = Release(COMMIT, FILES)
    ReleaseStore(s3, "b").upload(release)
    assert b"data_format" not in s3.objects[f"releases/{COMMIT}/release.json"]
    assert ReleaseStore(s3, "b").upload(ReleaseStore(s3, "b").load(COMMIT)) == []
