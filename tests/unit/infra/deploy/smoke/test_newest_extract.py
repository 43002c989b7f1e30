"""The newest extract, of one file or of many."""

from __future__ import annotations

from infra.deploy.smoke.newest_extract import NewestExtract, find_newest_extract
from tests.unit.infra.deploy.fakes import S3


def bucket(*keys: str) -> S3:
    s3 = S3()
    s3.objects = dict.fromkeys(keys, b"")
    return s3


def test_the_newest_file() -> None:
    keys = [f"activity/dt=2026-11-{day}/activity.parquet" for day in ("21", "23", "22")]
    others = ("activity/dt=2026-11-24/activity.parquet.crc", "activity/dt=latest/activity.parquet")
    found = find_newest_extract(bucket(*keys, *others), "in", "activity/dt={score_date}/activity.parquet")
    assert found == NewestExtract("2026-11-23", keys[1], {keys[1]: f"etag of {keys[1]}"})


def test_the_files_beside_the_newest_marker() -> None:
    folder = "activity/dt=2026-11-23/"
    names = ("b.parquet", "_SUCCESS", "a/c.parquet", "_tmp/d.parquet", ".a.crc", "sub/", "a_$folder$")
    others = ("activity/dt=2026-11-22/_SUCCESS", "activity/dt=2026-11-24/a.parquet")
    found = find_newest_extract(
        bucket(*(folder + name for name in names), *others), "in", "activity/dt={score_date}/_SUCCESS"
    )
    files = [f"{folder}b.parquet", f"{folder}a/c.parquet"]
    assert found == NewestExtract("2026-11-23", folder, {key: f"etag of {key}" for key in files})


def test_there_may_be_none() -> None:
    assert find_newest_extract(bucket(), "in", "activity/dt={score_date}/activity.parquet") is None
    assert (
        find_newest_extract(bucket("activity/dt=2026-11-24/a.parquet"), "in", "activity/dt={score_date}/_SUCCESS")
        is None
    )
