"""S3 objects, the CRM secret and workflow runs: the only module of the jobs that speaks to AWS."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# When AWS does not answer at all, a call gives up before the time between the deadline and Glue's Timeout is over.
_CONFIG = Config(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 5})
_MISSING = {"404", "NoSuchKey", "NotFound"}
_CHUNK = 1 << 20


@functools.cache
def _client(service: str) -> Any:
    # Clients may be shared by threads, and making one reads megabytes of API descriptions.
    return boto3.client(service, config=_CONFIG)


class Store:
    """The objects of one bucket."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self._client = _client("s3")

    def uri(self, key: str) -> str:
        """The object's or folder's `s3://` URI."""
        return f"s3://{self.bucket}/{key}"

    def head(self, key: str) -> tuple[int, str] | None:
        """The object's size in bytes and ETag without quotes, None when there is no such object."""
        try:
            found = self._client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        return int(found["ContentLength"]), str(found["ETag"]).strip('"')

    def read_range(self, key: str, start: int, length: int) -> tuple[bytes, str]:
        """`length` bytes from `start` on, and the ETag of the object that they came from."""
        found = self._client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes={start}-{start + length - 1}")
        return found["Body"].read(), str(found["ETag"]).strip('"')

    def read(self, key: str) -> bytes | None:
        """The object's bytes, None when there is no such object."""
        try:
            body: bytes = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        return body

    def read_json(self, key: str) -> dict[str, Any] | None:
        """The object as JSON, None when there is no such object."""
        body = self.read(key)
        document: dict[str, Any] | None = None if body is None else json.loads(body)
        return document

    def write(self, key: str, body: bytes) -> None:
        """Write one object."""
        self._client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def write_json(self, key: str, document: dict[str, Any]) -> None:
        """Write one JSON document."""
        self.write(key, json.dumps(document, indent=1, ensure_ascii=False).encode())

    def upload(self, key: str, path: Path) -> None:
        """Write a file of any size as one object."""
        self._client.upload_file(str(path), self.bucket, key)

    def delete(self, key: str) -> None:
        """Delete one object; it is fine when there is none."""
        self._client.delete_object(Bucket=self.bucket, Key=key)

    def list_files(self, prefix: str) -> list[tuple[str, int]]:
        """Name below `prefix` and size of every object there, in order of name."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        found = ((item["Key"][len(prefix) :], item["Size"]) for page in pages for item in page.get("Contents", []))
        return sorted((str(name), int(size)) for name, size in found if name and not name.endswith("/"))

    def list_folders(self, prefix: str) -> list[str]:
        """Names of the folders right below `prefix`, without slashes, in order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
        found = (item["Prefix"] for page in pages for item in page.get("CommonPrefixes", []))
        return sorted(str(name)[len(prefix) :].rstrip("/") for name in found)

    def delete_folder(self, prefix: str) -> None:
        """Delete every object below `prefix`."""
        for name, _ in self.list_files(prefix):
            self.delete(prefix + name)

    def sha256(self, keys: Iterable[str]) -> str:
        """SHA-256 over the bytes of the objects, one after the other."""
        digest = hashlib.sha256()
        chunks = self._chunks(keys)
        with ThreadPoolExecutor(1) as pool:  # reads one chunk while the one before is hashed
            ahead = pool.submit(next, chunks, b"")
            while chunk := ahead.result():
                ahead = pool.submit(next, chunks, b"")
                digest.update(chunk)
        return digest.hexdigest()

    def _chunks(self, keys: Iterable[str]) -> Iterator[bytes]:
        for key in keys:
            yield from self._client.get_object(Bucket=self.bucket, Key=key)["Body"].iter_chunks(_CHUNK)


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def read_secret(secret_id: str) -> str:
    """The secret's text; its value is never logged."""
    return str(_client("secretsmanager").get_secret_value(SecretId=secret_id)["SecretString"])


def read_run_properties(workflow: str, run_id: str) -> dict[str, str]:
    """The properties of a run of a Glue workflow."""
    found = _client("glue").get_workflow_run_properties(Name=workflow, RunId=run_id)["RunProperties"]
    return {str(name): str(value) for name, value in found.items()}
