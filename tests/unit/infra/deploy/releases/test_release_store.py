"""Releases in the bucket: complete once the manifest is there, never changed, found again by the start of a hash."""

from __future__ import annotations

from typing import Any

import pytest

from infra.deploy.errors import DeployError
from infra.deploy.releases.release import Release, sha256
from infra.deploy.releases.release_store import ReleaseStore
from tests.unit.infra.deploy.fakes import S3

COMMIT = "1a2b" * 10
OTHER = "1a2c" * 10
FILES = {"plugins.zip": b"zip", "dags/a.py": b"dag", "jobs/score_users.py": b"job"}
RELEASE = Release(COMMIT, FILES)


def test_the_manifest_is_written_last() -> None:
    s3 = S3()
    assert ReleaseStore(s3, "b").upload(RELEASE)[-1] == "release.json"
    assert s3.written[-1] == f"releases/{COMMIT}/release.json"
    assert len(s3.written) == len(FILES) + 1


def test_what_is_there_is_not_written_again() -> None:
    s3 = S3()
    ReleaseStore(s3, "b").upload(RELEASE)
    s3.written.clear()
    assert ReleaseStore(s3, "b").upload(RELEASE) == []
    assert s3.written == []


def test_an_upload_that_was_cut_off_is_completed() -> None:
    s3 = S3()
    s3.objects[f"releases/{COMMIT}/dags/a.py"] = b"dag"
    assert ReleaseStore(s3, "b").upload(RELEASE) == ["jobs/score_users.py", "plugins.zip", "release.json"]


@pytest.mark.parametrize("conditional", [True, False])
def test_other_bytes_are_never_overwritten(conditional: bool) -> None:
    s3 = S3(conditional=conditional)
    s3.objects[f"releases/{COMMIT}/plugins.zip"] = b"other"
    with pytest.raises(DeployError, match="is there with other bytes") as raised:
        ReleaseStore(s3, "b").upload(RELEASE)
    assert sha256(b"other") in str(raised.value)
    assert sha256(b"zip") in str(raised.value)
    assert s3.written == []


class Raced(S3):
    """Somebody else uploads the same key between the look and the write."""

    def __init__(self, theirs: bytes) -> None:
        super().__init__()
        self._theirs = theirs

    def put_object(self, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str = "", **more: Any) -> None:  # noqa: N803
        if Key.endswith("plugins.zip"):
            self.objects[Key] = self._theirs
        super().put_object(Bucket, Key, Body, IfNoneMatch, **more)


def test_two_uploads_at_once_of_the_same_bytes_are_one() -> None:
    s3 = Raced(b"zip")
    ReleaseStore(s3, "b").upload(RELEASE)
    assert f"releases/{COMMIT}/release.json" in s3.objects


def test_two_uploads_at_once_of_other_bytes_are_told() -> None:
    with pytest.raises(DeployError, match="other bytes"):
        ReleaseStore(Raced(b"theirs"), "b").upload(RELEASE)


def test_a_release_is_found_by_the_start_of_its_hash() -> None:
    s3 = S3()
    for commit in (COMMIT, OTHER):
        ReleaseStore(s3, "b").upload(Release(commit, FILES))
    store = ReleaseStore(s3, "b")
    assert store.find("1a2b") == COMMIT
    assert store.find(OTHER) == OTHER
    s3.objects[f"releases/1a2b{'0' * 36}/plugins.zip"] = b""  # one that was not completed does not count
    assert store.find("1a2b") == COMMIT


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("1a2", "wanted the first 4 to 40 hex digits"),
        ("HEAD", "wanted the first 4 to 40 hex digits"),
        ("ffff", "no complete one that begins so; there are 1a2b00000000, 1a2b1a2b1a2b"),
        ("1a2b", "2 begin so"),
    ],
)
def test_a_start_that_does_not_tell_is_refused(start: str, words: str) -> None:
    s3 = S3()
    for commit in (COMMIT, "1a2b" + "0" * 36):
        ReleaseStore(s3, "b").upload(Release(commit, FILES))
    with pytest.raises(DeployError, match=words):
        ReleaseStore(s3, "b").find(start)


def test_a_release_is_read_back_as_it_was() -> None:
    s3 = S3()
    ReleaseStore(s3, "b").upload(RELEASE)
    assert ReleaseStore(s3, "b").load(COMMIT) == RELEASE


@pytest.mark.parametrize("name", ["plugins.zip", "dags/a.py"])
@pytest.mark.parametrize("body", [b"changed", None])
def test_a_release_that_was_tampered_with_is_not_deployed(name: str, body: bytes | None) -> None:
    s3 = S3()
    ReleaseStore(s3, "b").upload(RELEASE)
    del s3.objects[f"releases/{COMMIT}/{name}"]
    if body is not None:
        s3.objects[f"releases/{COMMIT}/{name}"] = body
    with pytest.raises(DeployError, match=f"{name} is missing or not what release.json says"):
        ReleaseStore(s3, "b").load(COMMIT)
