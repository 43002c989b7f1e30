"""The newest extract in the activity bucket: what a smoke run scores."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PLACEHOLDER = "{score_date}"
MARKER = "_SUCCESS"


@dataclass(frozen=True)
class NewestExtract:
    """An extract: its date, its key or that of the folder of its files, and their ETags without quotes by key."""

    score_date: str
    key: str
    etags: Mapping[str, str]


def find_newest_extract(s3: Any, bucket: str, pattern: str) -> NewestExtract | None:
    """The extract of the latest date, None when there is none.

    :param pattern: key with `{score_date}` in it, as the setting `activity_key`; one that ends in `/_SUCCESS` stands
        for all files beside that marker
    """
    before = pattern.partition(PLACEHOLDER)[0]
    dated = re.compile(r"(\d{4}-\d\d-\d\d)".join(re.escape(part) for part in pattern.split(PLACEHOLDER)[:2]))
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=before)
    etags = {entry["Key"]: entry["ETag"].strip('"') for page in pages for entry in page.get("Contents", [])}
    dates = {match[1]: key for key in etags if (match := dated.fullmatch(key))}
    if not dates:
        return None
    score_date, key = max(dates.items())
    folder, _, name = key.rpartition("/")
    if name != MARKER:
        return NewestExtract(score_date, key, {key: etags[key]})
    files = {key: etag for key, etag in etags.items() if _is_file(key, f"{folder}/")}
    return NewestExtract(score_date, f"{folder}/", files)


def _is_file(key: str, folder: str) -> bool:
    """Whether it is one of the extract's, as the jobs see it: its name begins with no _ or ., nor means a folder."""
    parts = key.removeprefix(folder).split("/")
    is_named = all(part and part[0] not in "_." for part in parts)
    return key.startswith(folder) and is_named and not key.endswith("_$folder$")
