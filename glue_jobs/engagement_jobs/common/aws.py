"""S3 objects, the CRM secret and Glue workflow runs: the only module of the jobs that calls AWS."""

from __future__ import annotations

import contextlib
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

from engagement_jobs.common.access_denied import access_denied
from engagement_jobs.contract.errors import SecretError

# If AWS does not respond at all, a call fails before the time between the deadline and Glue's Timeout is over.
_CONFIG = Config(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 5})
_MISSING = {"404", "NoSuchKey", "NotFound"}
_CHUNK = 1 << 20


@functools.cache
def _client(service: str) -> Any:
    # Threads may share a client, and creating one reads megabytes of API descriptions.
    return boto3.client(service, config=_CONFIG)


class Store:  # size: one short method per S3 operation
    """The objects of one bucket.

    Every method raises `AccessDeniedError` if S3 denies the request.
    """

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self._client = _client("s3")

    def uri(self, key: str) -> str:
        """Return the `s3://` URI of an object or a folder."""
        return f"s3://{self.bucket}/{key}"

    def head(self, key: str) -> tuple[int, str] | None:
        """Return the object's size in bytes and its ETag without quotes, or None if it does not exist."""
        try:
            response = self._call("head_object", key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        return int(response["ContentLength"]), str(response["ETag"]).strip('"')

    def read_range(self, key: str, start: int, length: int) -> tuple[bytes, str]:
        """Return `length` bytes from offset `start`, and the ETag of the object that they came from."""
        response = self._call("get_object", key, Range=f"bytes={start}-{start + length - 1}")
        return response["Body"].read(), str(response["ETag"]).strip('"')

    def read(self, key: str) -> bytes | None:
        """Return the object's bytes, or None if it does not exist."""
        try:
            body: bytes = self._call("get_object", key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        return body

    def read_json(self, key: str) -> dict[str, Any] | None:
        """Return the object as a JSON document, or None if it does not exist."""
        body = self.read(key)
        document: dict[str, Any] | None = None if body is None else json.loads(body)
        return document

    def write(self, key: str, body: bytes) -> None:
        """Write one object."""
        self._call("put_object", key, Body=body)

    def write_json(self, key: str, document: dict[str, Any]) -> None:
        """Write one JSON document."""
        self.write(key, json.dumps(document, indent=1, ensure_ascii=False).encode())

    def upload(self, key: str, path: Path) -> None:
        """Write a local file of any size as one object."""
        self._client.upload_file(str(path), self.bucket, key)

    def delete(self, key: str) -> None:
        """Delete one object; do nothing if it does not exist."""
        self._call("delete_object", key)

    def list_files(self, prefix: str) -> list[tuple[str, int]]:
        """Return the name below `prefix` and the size in bytes of every object there, sorted by name."""
        pages = self._list(prefix)
        objects = ((item["Key"][len(prefix) :], item["Size"]) for page in pages for item in page.get("Contents", []))
        # A key that ends with a slash stands for a folder.
        return sorted((str(name), int(size)) for name, size in objects if name and not name.endswith("/"))

    def list_folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly below `prefix`, without slashes, sorted."""
        pages = self._list(prefix, Delimiter="/")
        folders = (item["Prefix"] for page in pages for item in page.get("CommonPrefixes", []))
        return sorted(str(folder)[len(prefix) :].rstrip("/") for folder in folders)

    def delete_folder(self, prefix: str) -> None:
        """Delete every object below `prefix`."""
        for name, _ in self.list_files(prefix):
            self.delete(prefix + name)

    def sha256(self, keys: Iterable[str]) -> str:
        """Return the SHA-256, in hex, over the bytes of the objects in the given order."""
        digest = hashlib.sha256()
        chunks = self._chunks(keys)
        with ThreadPoolExecutor(1) as pool:  # reads the next chunk while the current one is hashed
            next_chunk = pool.submit(next, chunks, b"")
            while chunk := next_chunk.result():
                next_chunk = pool.submit(next, chunks, b"")
                digest.update(chunk)
        return digest.hexdigest()

    def _chunks(self, keys: Iterable[str]) -> Iterator[bytes]:
        for key in keys:
            yield from self._call("get_object", key)["Body"].iter_chunks(_CHUNK)

    def _list(self, prefix: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_objects_v2")
        with _denials_named(self.uri(prefix)):
            yield from pages.paginate(Bucket=self.bucket, Prefix=prefix, **parameters)

    def _call(self, operation: str, key: str, **parameters: Any) -> Any:
        with _denials_named(self.uri(key)):
            return getattr(self._client, operation)(Bucket=self.bucket, Key=key, **parameters)


@contextlib.contextmanager
def _denials_named(uri: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if denied := access_denied(uri, error):
            raise denied from None
        raise


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an `s3://` URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def read_secret(secret_id: str) -> str:
    """Return the secret's text. Never log it.

    :raises SecretError: the secret is binary
    """
    response = _client("secretsmanager").get_secret_value(SecretId=secret_id)
    if "SecretString" not in response:
        raise SecretError("expected the CRM secret to be text; it is binary")
    return str(response["SecretString"])


def read_run_properties(workflow: str, run_id: str) -> dict[str, str]:
    """Return the run properties of a Glue workflow run."""
    properties = _client("glue").get_workflow_run_properties(Name=workflow, RunId=run_id)["RunProperties"]
    return {str(name): str(value) for name, value in properties.items()}
