"""The key of the extract: placeholders of the date, and what is refused where it is set."""

from __future__ import annotations

import pytest

from engagement_jobs.contract import arguments
from engagement_jobs.contract.errors import ArgumentError
from engagement_jobs.contract.s3_keys import activity_key

VALID = [
    ("activity/dt={score_date}/activity.parquet", "activity/dt=2026-12-01/activity.parquet"),
    ("{score_date}", "2026-12-01"),
    ("{year}/{month}/{day}/_SUCCESS", "2026/12/01/_SUCCESS"),
    ("{previous_date}.parquet", "2026-11-30.parquet"),
    ("{day}.{month}.{year}/{score_date}/{score_date}", "01.12.2026/2026-12-01/2026-12-01"),
    ("über/{score_date}/it's-(1)+$&,@=;:!~^%|<>.parquet", "über/2026-12-01/it's-(1)+$&,@=;:!~^%|<>.parquet"),
]
INVALID = [
    *("", "activity/activity.parquet", "{year}/{month}/a.parquet", "{day}"),  # no date, or not all of it
    *("/{score_date}", "{score_date}/", "a b/{score_date}", "{score_date}\n"),
    *("{score_date}/*.parquet", "{score_date}/part-?", "{score_date}/[ab]", "{score_date}/a\\b"),
    *("{score_date}/{hour}", "{score_date}/{ds}", "{{score_date}}", "{score_date}/{}", "{Score_Date}"),
    *("s3://bucket/{score_date}", "S3://bucket/{score_date}/_SUCCESS", "s3:{score_date}"),
    *("{score_date", "score_date}", "{score_date}}", "{year}-{month}-{day", "${score_date}/{x"),
]


@pytest.mark.parametrize(("pattern", "key"), VALID)
def test_placeholders_are_replaced_by_the_date(pattern: str, key: str) -> None:
    arguments.check_activity_key(pattern)
    assert activity_key(pattern, "2026-12-01") == key


@pytest.mark.parametrize(
    ("score_date", "previous"),
    [("2026-01-01", "2025-12-31"), ("2028-03-01", "2028-02-29"), ("2027-03-01", "2027-02-28")],
)
def test_the_previous_date_is_the_day_before(score_date: str, previous: str) -> None:
    assert activity_key("{previous_date}", score_date) == previous


@pytest.mark.parametrize("pattern", INVALID)
def test_a_key_that_names_no_object_of_a_date_is_refused(pattern: str) -> None:
    with pytest.raises(ArgumentError, match=r"--activity_key is .*, expected an S3 key with the date as"):
        arguments.check_activity_key(pattern)
