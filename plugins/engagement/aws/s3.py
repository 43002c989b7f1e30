"""One S3 bucket. A denied request is an `AccessDeniedError` that names what is missing.

Other errors of boto3 are not caught: Airflow retries the task, and the dashboard has its own messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engagement.aws.access_denied import access_denied

LINE_CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """An object without its content.

    :param etag: ETag without quotes
    :param size: bytes
    """

    key: str
    etag: str
    size: int
    modified: datetime


class Bucket:
    """The objects of one bucket.

    :param client: boto3 S3 client
    :param name: name of the bucket
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name

    def head(self, key: str) -> ObjectHead | None:
        """Describe an object, None if it does not exist."""
        try:
            with self._denials_named(key):
                head = self._client.head_object(Bucket=self.name, Key=key)
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "404":
                return None
            raise
        return ObjectHead(key, head["ETag"].strip('"'), head["ContentLength"], head["LastModified"])

    def read(self, key: str) -> bytes | None:
        """Return an object's content, None if it does not exist."""
        try:
            return bytes(self._get(key)["Body"].read())
        except self._client.exceptions.NoSuchKey:
            return None

    def read_part(self, key: str, start: int, length: int) -> tuple[bytes, str]:
        """Return ``length`` bytes from offset ``start``, and the ETag of the object that they came from."""
        part = self._get(key, Range=f"bytes={start}-{start + length - 1}")
        return part["Body"].read(), part["ETag"].strip('"')

    def read_lines(self, key: str) -> Iterator[bytes]:
        """Return an object's lines without their ends. At most a line and 64 KiB are in memory."""
        with closing(self._get(key)["Body"]) as body:
            yield from body.iter_lines(chunk_size=LINE_CHUNK_BYTES)

    def list_objects(self, prefix: str, after: str = "") -> Iterator[ObjectHead]:
        """List objects in order of key.

        :param prefix: what their keys start with
        :param after: list only keys after this one
        """
        for page in self._list(prefix, StartAfter=after):
            for item in page.get("Contents", []):
                yield ObjectHead(item["Key"], item["ETag"].strip('"'), item["Size"], item["LastModified"])

    def list_folders(self, prefix: str) -> list[str]:
        """List the prefixes directly under ``prefix`` in order, each with a slash at its end."""
        pages = self._list(prefix, Delimiter="/")
        return sorted(item["Prefix"] for page in pages for item in page.get("CommonPrefixes", []))

    def write(self, key: str, body: str, content_type: str) -> None:
        """Write a text object as UTF-8.

        :param content_type: media type without charset
        """
        with self._denials_named(key):
            self._client.put_object(
                Bucket=self.name, Key=key, Body=body.encode(), ContentType=f"{content_type}; charset=utf-8"
            )

    def _get(self, key: str, **parameters: str) -> Any:
        with self._denials_named(key):
            return self._client.get_object(Bucket=self.name, Key=key, **parameters)

    def _list(self, prefix: str, **parameters: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_objects_v2")
        with self._denials_named(prefix):
            yield from pages.paginate(Bucket=self.name, Prefix=prefix, **parameters)

    @contextmanager
    def _denials_named(self, key: str) -> Iterator[None]:
        try:
            yield
        except self._client.exceptions.ClientError as error:
            if denied := access_denied(f"s3://{self.name}/{key}", error):
                raise denied from None
            raise
