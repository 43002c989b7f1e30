"""The newest extract, of one file or of many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.deploy.extracts import Extract, newest


class S3:
    """A bucket whose objects' ETags are their keys; listed in pages of two."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def get_paginator(self, operation: str) -> S3:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        assert Bucket == "in"
        found = [{"Key": key, "ETag": f'"etag of {key}"'} for key in self.keys if key.startswith(Prefix)]
        yield from ({"Contents": found[place : place + 2]} for place in range(0, len(found), 2))
        yield {}


def test_the_newest_file() -> None:
    keys = [f"activity/dt=2026-11-{day}/activity.parquet" for day in ("21", "23", "22")]
    others = ("activity/dt=2026-11-24/activity.parquet.crc", "activity/dt=latest/activity.parquet")
    found = newest(S3(*keys, *others), "in", "activity/dt={score_date}/activity.parquet")
    assert found == Extract("2026-11-23", keys[1], {keys[1]: f"etag of {keys[1]}"})


def test_the_files_beside_the_newest_marker() -> None:
    folder = "activity/dt=2026-11-23/"
    names = ("b.parquet", "_SUCCESS", "a/c.parquet", "_tmp/d.parquet", ".a.crc", "sub/", "a_$folder$")
    others = ("activity/dt=2026-11-22/_SUCCESS", "activity/dt=2026-11-24/a.parquet")
    found = newest(S3(*(folder + name for name in names), *others), "in", "activity/dt={score_date}/_SUCCESS")
    files = [f"{folder}b.parquet", f"{folder}a/c.parquet"]
    assert found == Extract("2026-11-23", folder, {key: f"etag of {key}" for key in files})


def test_there_may_be_none() -> None:
    assert newest(S3(), "in", "activity/dt={score_date}/activity.parquet") is None
    assert newest(S3("activity/dt=2026-11-24/a.parquet"), "in", "activity/dt={score_date}/_SUCCESS") is None
