"""One bucket of S3. Errors are raised as they are, so that Airflow retries; the dashboard words them for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """An object as S3 describes it: size in bytes, ETag without quotes."""

    key: str
    etag: str
    size: int
    modified: datetime


class Bucket:
    """The objects of one bucket.

    :param client: boto3 S3 client
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name

    def head(self, key: str) -> ObjectHead | None:
        """Describe an object; None when there is none."""
        try:
            head = self._client.head_object(Bucket=self.name, Key=key)
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "404":
                return None
            raise
        return ObjectHead(key, head["ETag"].strip('"'), head["ContentLength"], head["LastModified"])

    def read(self, key: str) -> bytes | None:
        """Return an object's bytes; None when there is none (403 is an error, not an absence)."""
        try:
            return bytes(self._client.get_object(Bucket=self.name, Key=key)["Body"].read())
        except self._client.exceptions.NoSuchKey:
            return None

    def read_part(self, key: str, start: int, length: int) -> tuple[bytes, str]:
        """Return ``length`` bytes from ``start`` on, and the ETag of the object they came from."""
        part = self._client.get_object(Bucket=self.name, Key=key, Range=f"bytes={start}-{start + length - 1}")
        return part["Body"].read(), part["ETag"].strip('"')

    def list_objects(self, prefix: str, after: str = "") -> Iterator[ObjectHead]:
        """Yield the objects that begin with ``prefix`` and come after ``after``, in order of key."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix, StartAfter=after
        )
        for page in pages:
            for item in page.get("Contents", []):
                yield ObjectHead(item["Key"], item["ETag"].strip('"'), item["Size"], item["LastModified"])

    def list_folders(self, prefix: str) -> list[str]:
        """Return the prefixes directly under ``prefix``, each ending with a slash, in order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix, Delimiter="/")
        return sorted(item["Prefix"] for page in pages for item in page.get("CommonPrefixes", []))

    def write(self, key: str, body: str, content_type: str) -> None:
        """Write a text object, UTF-8."""
        self._client.put_object(
            Bucket=self.name, Key=key, Body=body.encode(), ContentType=f"{content_type}; charset=utf-8"
        )
