"""The newest extract in the activity bucket, which a smoke run scores."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

_PLACEHOLDERS = {
    "score_date": r"\d{4}-\d\d-\d\d",
    "previous_date": r"\d{4}-\d\d-\d\d",
    "year": r"\d{4}",
    "month": r"\d\d",
    "day": r"\d\d",
}
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

    :param pattern: key with placeholders of the date, as in the setting `activity_key`; a key that ends in `/_SUCCESS`
        means all files in the same folder
    """
    prefix = pattern.partition("{")[0]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    etags = {entry["Key"]: entry["ETag"].strip('"') for page in pages for entry in page.get("Contents", [])}
    dated_key = _compile(pattern)
    dates = {day: key for key in etags if (match := dated_key.fullmatch(key)) and (day := _score_date(match))}
    if not dates:
        return None
    score_date, key = max(dates.items())
    folder, _, name = key.rpartition("/")
    if name != MARKER:
        return NewestExtract(score_date, key, {key: etags[key]})
    files = {key: etag for key, etag in etags.items() if _is_data_file(key, f"{folder}/")}
    return NewestExtract(score_date, f"{folder}/", files)


def _compile(pattern: str) -> re.Pattern[str]:
    """Return the expression of all keys of the pattern; a placeholder has the same value wherever it stands."""
    known: set[str] = set()

    def group(name: str) -> str:
        if name in known:
            return f"(?P={name})"
        known.add(name)
        return f"(?P<{name}>{_PLACEHOLDERS[name]})"

    parts = re.split(rf"\{{({'|'.join(_PLACEHOLDERS)})\}}", pattern)
    return re.compile("".join(group(part) if n % 2 else re.escape(part) for n, part in enumerate(parts)))


def _score_date(match: re.Match[str]) -> str | None:
    """Return the date of a key; None when its parts are no date, or not of the same one."""
    parts = match.groupdict()
    try:
        if "previous_date" in parts:
            day = date.fromisoformat(parts["previous_date"]) + timedelta(days=1)
        else:
            day = date.fromisoformat(parts.get("score_date") or "{year}-{month}-{day}".format_map(parts))
    except ValueError:
        return None
    year, month, number = day.isoformat().split("-")
    expected = {
        "score_date": day.isoformat(),
        "previous_date": (day - timedelta(days=1)).isoformat(),
        "year": year,
        "month": month,
        "day": number,
    }
    return day.isoformat() if all(expected[name] == text for name, text in parts.items()) else None


def _is_data_file(key: str, folder: str) -> bool:
    """Return whether the jobs read the object: no part of its name starts with _ or ., and it is not a folder."""
    parts = key.removeprefix(folder).split("/")
    is_visible = all(part and part[0] not in "_." for part in parts)
    return key.startswith(folder) and is_visible and not key.endswith("_$folder$")
