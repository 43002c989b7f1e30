"""Values of headers that name a time: numbers, durations and dates in every form whose meaning is clear.

RFC 9110 allows whole seconds and HTTP dates, but servers send other forms too. Dates count from the `Date` of the same
response, so that clock skew does not matter; without a `Date`, they count from the local clock.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from multidict import istr

_DATE: Final = istr("date")
_DAY = 86_400.0
MAX_SECONDS: Final = 366 * _DAY
"""Longer waits are shortened: no job runs for a year, and adding more to the current time could overflow `datetime`."""
UNREADABLE_SECONDS: Final = 1.0
"""A value without a clear meaning counts as this wait."""
# A number beyond a day is an instant in epoch seconds, milliseconds, microseconds or nanoseconds if that is within a
# year of the present.
_EPOCH_UNITS = (1.0, 1e3, 1e6, 1e9)

_NUMBER = re.compile(r"\+?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_UNIT_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": _DAY, "w": 7 * _DAY}
_DURATION_PART = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:(?P<ms>ms|msecs?|millis(?:econds?)?)|(?P<s>s|secs?|seconds?)|(?P<m>m|mins?|minutes?)"
    r"|(?P<h>h|hrs?|hours?)|(?P<d>d|days?)|(?P<w>w|weeks?))(?![a-z])\.?\s*",
    re.ASCII | re.IGNORECASE,
)
_ISO_DURATION = re.compile(
    r"P(?=\d|T\d)(?:(?P<w>[\d.]+)W)?(?:(?P<d>[\d.]+)D)?(?:T(?:(?P<h>[\d.]+)H)?(?:(?P<m>[\d.]+)M)?(?:(?P<s>[\d.]+)S)?)?",
    re.ASCII | re.IGNORECASE,
)
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)", re.ASCII)
_UNIT_IN_PARENTHESES = re.compile(r"\(\s*([a-z]+)\s*\)", re.ASCII | re.IGNORECASE)
_HTTP_DATE = re.compile(
    r"[a-z]{3,9},\s*\d{1,2}[ -][a-z]{3}[ -]\d{2,4}\s+\d\d:\d\d:\d\d(?:\s+(?:[a-z]{2,4}|[-+]\d{4})\b)?"
    r"|[a-z]{3}\s+[a-z]{3}\s+\d{1,2}\s+\d\d:\d\d:\d\d\s+\d{4}",  # the form of asctime
    re.ASCII | re.IGNORECASE,
)


def parse_seconds(value: str, headers: Mapping[str, str], unit: float = 1.0) -> float:
    """Return the seconds that a header's value names; the longest time if it is a list.

    :param headers: of the same response
    :param unit: seconds of the unit in which a plain number counts
    :return: 0 if there is no value, or it is negative or a time in the past; at most `MAX_SECONDS`
    """
    seconds = [_seconds_until(_parse_http_date(date), headers) for date in _HTTP_DATE.findall(value)]
    for item in _join_durations(_HTTP_DATE.sub(",", value)).split(","):
        text = item.partition(";")[0].strip(" \t\"'")
        if text:
            seconds.append(_parse_item(text, headers, unit))
    return min(max(seconds, default=0.0), MAX_SECONDS)


def _join_durations(value: str) -> str:
    """Remove the commas of one duration such as `1 hour, 30 minutes`, whose units become smaller from part to part."""
    if "," not in value:
        return value
    parts = [_DURATION_PART.fullmatch(part.strip()) for part in value.split(",")]
    units = [_UNIT_SECONDS[part.lastgroup or "s"] for part in parts if part]
    is_one = len(units) == len(parts) and all(larger > smaller for larger, smaller in itertools.pairwise(units))
    return value.replace(",", " ") if is_one else value


def _parse_item(text: str, headers: Mapping[str, str], unit: float) -> float:
    if text.startswith("-"):
        return 0.0
    if _NUMBER.fullmatch(text):
        return _parse_number(float(text) * unit, headers)
    duration = _parse_duration(text)
    return _seconds_until(_parse_iso_date(text), headers) if duration is None else duration


def _parse_number(seconds: float, headers: Mapping[str, str]) -> float:
    if seconds > _DAY:
        now = _now(headers).timestamp()
        for units in _EPOCH_UNITS:
            if abs(seconds / units - now) <= MAX_SECONDS:
                return max(0.0, seconds / units - now)
    return seconds


def _parse_duration(text: str) -> float | None:
    """Parse a duration such as `120s`, `2 min`, `1h30m`, `00:02:00` or `PT2M`."""
    iso = _ISO_DURATION.fullmatch(text)
    with contextlib.suppress(ValueError):  # several points in one number
        if iso is not None:
            return sum(float(number) * _UNIT_SECONDS[unit] for unit, number in iso.groupdict().items() if number)
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        return int(clock[1]) * 3600.0 + int(clock[2]) * 60.0 + int(clock[3])
    text = _UNIT_IN_PARENTHESES.sub(r"\1", text)
    total, end = 0.0, 0
    while part := _DURATION_PART.match(text, end):
        total += float(part[1]) * _UNIT_SECONDS[part.lastgroup or "s"]
        end = part.end()
    return total if end == len(text) else None


def _seconds_until(moment: datetime | None, headers: Mapping[str, str]) -> float:
    if moment is None:
        return UNREADABLE_SECONDS
    return max(0.0, (moment - _now(headers)).total_seconds())


def _now(headers: Mapping[str, str]) -> datetime:
    return _parse_http_date(headers.get(_DATE, "")) or datetime.now(UTC)


def _parse_http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parse_iso_date(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(re.sub(r"\s*(?:UTC|GMT)$", "Z", text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
