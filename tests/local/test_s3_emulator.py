"""S3 over a folder by rclone: S3 clients and Spark see the same objects."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local import s3_emulator

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("s3") / "root"
    (folder / "bucket").mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    with s3_emulator.serve(root) as served:
        yield served


@pytest.fixture
def client(url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in s3_emulator.client_env(url).items():
        monkeypatch.setenv(name, value)
    return boto3.client("s3")


def settle() -> None:
    """Wait until files that were written directly are visible through S3."""
    time.sleep(2 * s3_emulator.SETTLE_SECONDS)


def test_a_file_soon_becomes_an_object(client: Any, root: Path) -> None:
    folder = root / "bucket" / "direct"
    assert "Contents" not in client.list_objects_v2(Bucket="bucket", Prefix="direct/")
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text("x" * number)
        settle()
        listed = client.list_objects_v2(Bucket="bucket", Prefix="direct/")["Contents"]
        assert [item["Size"] for item in listed] == list(range(number + 1))
    (folder / "1.txt").unlink()
    settle()
    with pytest.raises(ClientError, match="404"):
        client.head_object(Bucket="bucket", Key="direct/1.txt")
    assert client.get_object(Bucket="bucket", Key="direct/2.txt")["Body"].read() == b"xx"


def test_the_etag_changes_only_with_the_content(client: Any, root: Path) -> None:
    path = root / "bucket" / "etag.txt"
    path.write_text("first")
    settle()
    first = client.head_object(Bucket="bucket", Key="etag.txt")["ETag"]
    times = path.stat().st_mtime_ns
    path.write_text("other")  # same length, and same modification time below
    os.utime(path, ns=(times, times))
    settle()
    assert client.head_object(Bucket="bucket", Key="etag.txt")["ETag"] != first
    path.write_text("first")
    settle()
    assert client.head_object(Bucket="bucket", Key="etag.txt")["ETag"] == first
    listed = client.list_objects_v2(Bucket="bucket", Prefix="etag.txt")["Contents"]
    assert [item["ETag"].strip('"') for item in listed] == [first.strip('"')]  # rclone lists ETags without quotes


def test_ranges_of_an_object_can_be_read(client: Any) -> None:
    client.put_object(Bucket="bucket", Key="magic.parquet", Body=b"PAR1....PAR1")
    tail = client.get_object(Bucket="bucket", Key="magic.parquet", Range="bytes=-4")
    assert tail["Body"].read() == b"PAR1"
    head = client.get_object(Bucket="bucket", Key="magic.parquet", Range="bytes=0-3")
    assert head["Body"].read() == b"PAR1"


def test_deleting_the_last_object_keeps_the_bucket(client: Any, root: Path) -> None:
    (root / "emptied").mkdir()
    settle()
    client.put_object(Bucket="emptied", Key="a/b", Body=b"1")
    client.delete_object(Bucket="emptied", Key="a/b")
    assert (root / "emptied").is_dir()
    assert "Contents" not in client.list_objects_v2(Bucket="emptied")


def test_an_idle_server_uses_no_cpu(client: Any, root: Path) -> None:
    for number in range(5):
        client.list_objects_v2(Bucket="bucket", Prefix=f"wake/{number}/")
        client.put_object(Bucket="bucket", Key=f"wake/{number}/up", Body=b"1")
    before = _cpu_seconds(root)
    time.sleep(1)
    assert _cpu_seconds(root) - before < 0.1


def test_another_secret_key_is_rejected(url: str) -> None:
    client_with_wrong_key = boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=s3_emulator.ACCESS_KEY,
        aws_secret_access_key="wrong",
        region_name=s3_emulator.REGION,
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client_with_wrong_key.list_buckets()


def test_a_port_in_use_is_reported(url: str, tmp_path: Path) -> None:
    port = int(url.rpartition(":")[2])
    with pytest.raises(RuntimeError, match="address already in use"), s3_emulator.serve(tmp_path, port):
        pass


def test_the_program_prints_its_url_and_ends_at_sigterm(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "local.s3_emulator", "--root", str(tmp_path / "new")],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    assert url.startswith("http://127.0.0.1:")
    assert (tmp_path / "new").is_dir()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()


def _cpu_seconds(root: Path) -> float:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"serve\0s3\0{root}\0".encode() not in entry.read_bytes():
                continue
            fields = (entry.parent / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # the process has ended
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    raise AssertionError(f"no rclone process serves {root}")
