"""S3, the secret and workflow runs, against the emulators."""

from __future__ import annotations

import hashlib
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from engagement_jobs.common.aws import Store, read_run_properties, read_secret, split_uri
from tests.support.glue_emulators import SECRET_ID, TOKEN, Bucket, Emulators


@pytest.fixture
def store(bucket: Bucket) -> Store:
    return Store(bucket.name)


def test_an_object_is_written_read_and_deleted(store: Store) -> None:
    key = "a folder/dt=2026-11-23/ä+=&?.json"
    assert store.read(key) is None
    assert store.read_json(key) is None
    assert store.head(key) is None
    store.delete(key)
    store.write_json(key, {"name": "Zoë", "count": 1})
    assert store.read_json(key) == {"name": "Zoë", "count": 1}
    body = store.read(key)
    assert body is not None
    assert "Zoë".encode() in body
    etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
    assert store.head(key) == (len(body), etag)
    assert store.read_range(key, 2, 5) == (body[2:7], etag)
    store.delete(key)
    assert store.read(key) is None
    assert store.uri("k/") == f"s3://{store.bucket}/k/"


def test_a_large_file_is_uploaded(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "failed.csv"
    path.write_bytes(b"UserID\n" * 3_000_000)  # more than one part of a multipart upload
    store.upload("x/failed.csv", path)
    assert store.list_files("x/") == [("failed.csv", 21_000_000)]
    assert store.sha256(["x/failed.csv"]) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_listings_are_sorted_and_limited_to_their_prefix(store: Store) -> None:
    for key in ("a/1", "a/10", "a/2", "a/b/3", "a/b/c/4", "ab/5", "a.txt"):
        store.write(key, key.encode())
    assert store.list_files("a/") == [("1", 3), ("10", 4), ("2", 3), ("b/3", 5), ("b/c/4", 7)]
    assert store.list_folders("a/") == ["b"]
    assert store.list_folders("") == ["a", "ab"]
    assert (store.list_files("none/"), store.list_folders("none/")) == ([], [])
    assert store.sha256(["a/1", "a/2"]) == hashlib.sha256(b"a/1a/2").hexdigest()
    store.delete_folder("a/")
    assert store.list_files("") == [("a.txt", 5), ("ab/5", 4)]


def test_a_listing_has_more_than_one_page(store: Store, emulators: Emulators) -> None:
    folder = emulators.root / store.bucket / "many"
    folder.mkdir()
    for number in range(1003):
        (folder / f"part-{number:05d}").touch()
    assert [name for name, _ in store.list_files("many/")] == [f"part-{number:05d}" for number in range(1003)]


@pytest.mark.usefixtures("emulators")
def test_errors_other_than_a_missing_object_are_raised() -> None:
    missing_bucket = Store("no-such-bucket")
    for operation in (lambda: missing_bucket.write("k", b""), lambda: missing_bucket.list_files("k/")):
        with pytest.raises(ClientError, match="NoSuchBucket"):
            operation()


@pytest.mark.parametrize(
    ("uri", "parts"),
    [("s3://bucket/a/b.parquet", ("bucket", "a/b.parquet")), ("s3://bucket/k=1/s3://x", ("bucket", "k=1/s3://x"))],
)
def test_a_uri_is_split_at_the_first_slash(uri: str, parts: tuple[str, str]) -> None:
    assert split_uri(uri) == parts


@pytest.mark.usefixtures("emulators")
def test_the_secret_is_read() -> None:
    assert read_secret(SECRET_ID) == TOKEN
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        read_secret("engagement/another")


@pytest.mark.usefixtures("emulators")
def test_the_properties_of_a_workflow_run_are_read() -> None:
    glue = boto3.client("glue")
    glue.create_workflow(Name="of this test", DefaultRunProperties={"kept": "yes", "score_date": "2026-11-22"})
    # The run ends at once because its job does not exist; its properties stay.
    glue.create_trigger(Name="of this test", WorkflowName="of this test", Type="ON_DEMAND", Actions=[{"JobName": "no"}])
    run_id = glue.start_workflow_run(Name="of this test", RunProperties={"score_date": "2026-11-23"})["RunId"]
    assert read_run_properties("of this test", run_id) == {"kept": "yes", "score_date": "2026-11-23"}
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        read_run_properties("of this test", "wr_unknown")
