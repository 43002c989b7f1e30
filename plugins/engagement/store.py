"""The output bucket as the summary uses it; trouble with S3 is raised as it is, so that Airflow retries."""

from __future__ import annotations

from typing import Any, Protocol


class Store(Protocol):
    """The objects of the output bucket."""

    def read(self, key: str) -> bytes | None:
        """The object's bytes, None when there is no such object."""

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin with `prefix`."""

    def folders(self, prefix: str) -> list[str]:
        """The prefixes directly under `prefix`."""


class S3Store:
    """Objects of one bucket.

    :param client: boto3 S3 client
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self, key: str) -> bytes | None:
        """The object's bytes, None when there is no such object (403 is an error, not an absence)."""
        try:
            return bytes(self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        except self._client.exceptions.NoSuchKey:
            return None

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin with `prefix`, in order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def folders(self, prefix: str) -> list[str]:
        """The prefixes directly under `prefix`, each ending with a slash, in order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, Delimiter="/"
        )
        return sorted(item["Prefix"] for page in pages for item in page.get("CommonPrefixes", []))

    def write(self, key: str, body: str, content_type: str) -> None:
        """Write a text object, UTF-8."""
        self._client.put_object(
            Bucket=self._bucket, Key=key, Body=body.encode(), ContentType=f"{content_type}; charset=utf-8"
        )
