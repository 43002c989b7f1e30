"""A bucket in memory that records reads and listings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from engagement.aws.s3 import Bucket, ObjectHead

WRITTEN = datetime(2026, 11, 23, 4, tzinfo=UTC)


class MemoryBucket(Bucket):
    """A `Bucket` without a client.

    :param objects: content by key
    """

    def __init__(self, objects: Mapping[str, bytes] | None = None, name: str = "output-bucket") -> None:
        super().__init__(None, name)
        self.objects = dict(objects or {})
        self.modified: dict[str, datetime] = {}
        self.listings: list[tuple[str, str]] = []
        self.reads: list[str] = []

    def put(self, key: str, body: bytes, modified: datetime = WRITTEN) -> None:
        self.objects[key], self.modified[key] = body, modified

    def head(self, key: str) -> ObjectHead | None:
        if key not in self.objects:
            return None
        body = self.objects[key]
        etag = hashlib.md5(body).hexdigest()  # noqa: S324 - S3's ETag is an MD5
        return ObjectHead(key, etag, len(body), self.modified.get(key, WRITTEN))

    def read(self, key: str) -> bytes | None:
        self.reads.append(key)
        return self.objects.get(key)

    def read_part(self, key: str, start: int, length: int) -> tuple[bytes, str]:
        head = self.head(key)
        assert head is not None
        return self.objects[key][start : start + length], head.etag

    def read_lines(self, key: str) -> Iterator[bytes]:
        self.reads.append(key)
        yield from self.objects[key].splitlines()

    def list_objects(self, prefix: str, after: str = "") -> Iterator[ObjectHead]:
        self.listings.append((prefix, after))
        keys = [key for key in sorted(self.objects) if key.startswith(prefix) and key > after]
        yield from (head for key in keys if (head := self.head(key)))

    def list_folders(self, prefix: str) -> list[str]:
        rests = [key.removeprefix(prefix) for key in self.objects if key.startswith(prefix)]
        return sorted({f"{prefix}{rest.partition('/')[0]}/" for rest in rests if "/" in rest})
