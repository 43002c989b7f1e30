"""The newest extract, of one file or of several."""

from __future__ import annotations

import pytest

from engagement.contract.s3_keys import activity_key
from infra.deploy.smoke.newest_extract import NewestExtract, find_newest_extract
from tests.unit.infra.deploy.fakes import FakeS3


def bucket(*keys: str) -> FakeS3:
    s3 = FakeS3()
    s3.objects = dict.fromkeys(keys, b"")
    return s3


def test_the_newest_file_is_found() -> None:
    keys = [f"activity/dt=2026-11-{day}/activity.parquet" for day in ("21", "23", "22")]
    others = ("activity/dt=2026-11-24/activity.parquet.crc", "activity/dt=latest/activity.parquet")
    extract = find_newest_extract(bucket(*keys, *others), "in", "activity/dt={score_date}/activity.parquet")
    assert extract == NewestExtract("2026-11-23", keys[1], {keys[1]: f"etag of {keys[1]}"})


@pytest.mark.parametrize(
    ("pattern", "keys", "newest"),
    [
        ("{score_date}/a.parquet", ["2026-11-22/a.parquet", "2026-11-23/a.parquet"], "2026-11-23"),
        (
            "{year}/{month}/{day}.parquet",
            ["2026/11/30.parquet", "2026/12/01.parquet", "2026/13/01.parquet"],
            "2026-12-01",
        ),
        ("in/{previous_date}.parquet", ["in/2026-11-30.parquet", "in/2026-11-29.parquet"], "2026-12-01"),
        ("{year}/{score_date}", ["2026/2026-11-22", "2025/2026-11-23", "2026/2026-02-30"], "2026-11-22"),
        ("{score_date}/{score_date}", ["2026-11-22/2026-11-22", "2026-11-24/2026-11-23"], "2026-11-22"),
        ("{previous_date}/{score_date}", ["2026-11-22/2026-11-23", "2026-11-24/2026-11-24"], "2026-11-23"),
        ("a.{score_date}.{x}", ["a.2026-11-22.{x}", "a.2026-11-23.y", "ab2026-11-24.{x}"], "2026-11-22"),
    ],
)
def test_every_placeholder_of_the_date_is_read(pattern: str, keys: list[str], newest: str) -> None:
    extract = find_newest_extract(bucket(*keys), "in", pattern)
    assert extract is not None
    assert extract.score_date == newest
    assert extract.key in keys
    assert activity_key(pattern, newest) == extract.key


def test_a_marker_means_the_files_in_its_folder() -> None:
    folder = "activity/dt=2026-11-23/"
    names = ("b.parquet", "_SUCCESS", "a/c.parquet", "_tmp/d.parquet", ".a.crc", "sub/", "a_$folder$")
    others = ("activity/dt=2026-11-22/_SUCCESS", "activity/dt=2026-11-24/a.parquet")
    extract = find_newest_extract(
        bucket(*(folder + name for name in names), *others), "in", "activity/dt={score_date}/_SUCCESS"
    )
    files = [f"{folder}b.parquet", f"{folder}a/c.parquet"]
    assert extract == NewestExtract("2026-11-23", folder, {key: f"etag of {key}" for key in files})


def test_without_an_extract_there_is_none() -> None:
    assert find_newest_extract(bucket(), "in", "activity/dt={score_date}/activity.parquet") is None
    assert (
        find_newest_extract(bucket("activity/dt=2026-11-24/a.parquet"), "in", "activity/dt={score_date}/_SUCCESS")
        is None
    )
