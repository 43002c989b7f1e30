"""The newest extract in the activity bucket: what a smoke run scores."""

import re
from dataclasses import dataclass
from typing import Any

PLACE = "{score_date}"


@dataclass(frozen=True)
class Extract:
    """An extract: its date, key, and ETag without quotes."""

    score_date: str
    key: str
    etag: str


def newest(s3: Any, bucket: str, pattern: str) -> Extract | None:
    """The extract of the latest date, None when there is none.

    :param pattern: key with `{score_date}` in it, as the setting `activity_key`
    """
    before = pattern.partition(PLACE)[0]
    dated = re.compile(r"(\d{4}-\d\d-\d\d)".join(re.escape(part) for part in pattern.split(PLACE)[:2]))
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=before)
    found = [
        Extract(match[1], entry["Key"], entry["ETag"].strip('"'))
        for page in pages
        for entry in page.get("Contents", [])
        if (match := dated.fullmatch(entry["Key"]))
    ]
    return max(found, key=lambda one: one.score_date, default=None)
