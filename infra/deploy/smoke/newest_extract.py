"""The newest extract in the activity bucket, which a smoke run scores."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PLACEHOLDER = "{score_date}"
MARKER = "_SUCCESS"


@dataclass(frozen=True)
class NewestExtract:
    """An extract of one object or of a folder of objects.

    :param key: key of the object, or of the folder with a trailing slash
    :param etags: ETag without quotes, by object key
    """

    score_date: str
    key: str
    etags: Mapping[str, str]


def find_newest_extract(s3: Any, bucket: str, pattern: str) -> NewestExtract | None:
    """Return the extract with the latest date; None when there is none.

    :param pattern: key with `{score_date}` in it, as in the setting `activity_key`; a key that ends in `/_SUCCESS`
        means all files in the same folder
    """
    prefix = pattern.partition(PLACEHOLDER)[0]
    dated_key = re.compile(r"(\d{4}-\d\d-\d\d)".join(re.escape(part) for part in pattern.split(PLACEHOLDER)[:2]))
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    etags = {entry["Key"]: entry["ETag"].strip('"') for page in pages for entry in page.get("Contents", [])}
    dates = {match[1]: key for key in etags if (match := dated_key.fullmatch(key))}
    if not dates:
        return None
    score_date, key = max(dates.items())
    folder, _, name = key.rpartition("/")
    if name != MARKER:
        return NewestExtract(score_date, key, {key: etags[key]})
    files = {key: etag for key, etag in etags.items() if _is_data_file(key, f"{folder}/")}
    return NewestExtract(score_date, f"{folder}/", files)


def _is_data_file(key: str, folder: str) -> bool:
    """Return whether the jobs read the object: no part of its name starts with _ or ., and it is not a folder."""
    parts = key.removeprefix(folder).split("/")
    is_visible = all(part and part[0] not in "_." for part in parts)
    return key.startswith(folder) and is_visible and not key.endswith("_$folder$")
