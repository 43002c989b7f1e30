"""Quotas that the CRM announces before it throttles.

Three families of headers are read: `RateLimit` of the current IETF draft ("RateLimit header fields for HTTP"), the
`RateLimit-Remaining` and `RateLimit-Reset` of its older versions, and `X-RateLimit-Remaining` and `X-RateLimit-Reset`
or `X-RateLimit-Reset-After`. Values that servers send for "no limit" announce nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from multidict import istr

from engagement_jobs.crm_client.headers.header_values import header_values
from engagement_jobs.crm_client.headers.wait_values import parse_seconds

_CURRENT: Final = istr("ratelimit")
_POLICY: Final = istr("ratelimit-policy")
_OLDER_REMAINING: Final = istr("ratelimit-remaining"), istr("x-ratelimit-remaining")
_LIMITS: Final = istr("ratelimit-limit"), istr("x-ratelimit-limit")
# Of each family, the first one that a response has.
_RESETS: Final = (
    (istr("ratelimit-reset"),),
    (istr("x-ratelimit-reset-after"), istr("x-ratelimit-reset")),
)
_REMAINING, _X_REMAINING = _OLDER_REMAINING
_DATE: Final = istr("date")
# One member of a list of structured fields (RFC 9651): a string or a token, and its parameters.
_MEMBER = re.compile(
    r'\s*("(?:[^"\\]|\\.)*"|[^\s;,="]+)((?:\s*;\s*[a-z*][^\s;,="]*(?:=(?:"(?:[^"\\]|\\.)*"|[^\s;,"]+))?)*)'
)
_PARAMETER = re.compile(r';\s*([a-z*][^\s;,="]*)=(\d{1,15})(?!\d)')
_PLAIN = re.compile(r"\d{1,15}", re.ASCII)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+", re.ASCII)
_INTEGER = re.compile(r"(?<!\d)-?\d{1,15}(?!\d)", re.ASCII)  # structured fields have no longer ones
# `limit=100, remaining=50, reset=30` of the versions in between.
_DICTIONARY = re.compile(r"\b(remaining|reset)\s*=\s*(\d{1,15})(?!\d)")

_ZERO = re.compile(r"0+(?:\.0*)?")
# Servers that round down announce 0 in the last second of a window.
_MIN_SECONDS = 1.0
# A month. A reset that is later belongs to no quota; some servers send the year 2099 for "never".
_MAX_WINDOW_SECONDS = 32 * 86_400.0


@dataclass(frozen=True, slots=True)
class Quota:
    """Number of requests that the CRM still accepts within a time.

    :param remaining: number of requests
    :param seconds: until the quota is full again, at least 1; None if the response does not report it
    :param raw: the header's value
    """

    remaining: int
    seconds: float | None
    raw: str


def announced_quotas(headers: Mapping[str, str]) -> Sequence[Quota]:
    """Return all quotas that a response announces, such as one per second and one per day.

    :param headers: must support lookup by lower-case names
    """
    if _CURRENT in headers:
        return list(_current(headers)) + _older(headers)
    if _X_REMAINING in headers or _REMAINING in headers:
        return _older(headers)
    return ()  # this is called for every response


def has_used_up_quota(headers: Mapping[str, str]) -> bool:
    """Return whether a response says that nothing is left of a quota, even if its window has just ended.

    :param headers: must support lookup by lower-case names
    """
    if any(_smallest(headers, name) == 0 for name in _OLDER_REMAINING):
        return True
    return any(quota.remaining == 0 for quota in announced_quotas(headers))


def _current(headers: Mapping[str, str]) -> Iterator[Quota]:
    windows = _windows(",".join(header_values(headers, _POLICY)))
    for value in header_values(headers, _CURRENT):
        draft = {name: int(number) for name, number in _DICTIONARY.findall(value)} if "remaining" in value else {}
        if "remaining" in draft:
            yield from _quota(draft["remaining"], draft.get("reset"), value)
        for name, values in _members(value):
            if "r" in values:
                yield from _quota(values["r"], values.get("t", windows.get(name)), value)


def _quota(remaining: int, seconds: float | None, raw: str) -> Sequence[Quota]:
    if seconds is None:
        return (Quota(remaining, None, raw),)
    return (Quota(remaining, max(seconds, _MIN_SECONDS), raw),) if seconds <= _MAX_WINDOW_SECONDS else ()


def _members(value: str) -> Iterator[tuple[str, dict[str, int]]]:
    for name, parameters in _MEMBER.findall(value):
        yield name.strip('"'), {key: int(number) for key, number in _PARAMETER.findall(parameters)}


@functools.lru_cache(maxsize=64)
def _windows(policies: str) -> dict[str, int]:
    """Return the seconds of each policy's window, which hardly ever change."""
    return {name: values["w"] for name, values in _members(policies) if "w" in values}


def _older(headers: Mapping[str, str]) -> list[Quota]:
    quotas: list[Quota] = []
    for remaining_name, limit_name, reset_names in zip(_OLDER_REMAINING, _LIMITS, _RESETS, strict=True):
        remaining = _smallest(headers, remaining_name) if remaining_name in headers else None
        if remaining is None:
            continue
        reset = next((",".join(header_values(headers, name)) for name in reset_names if name in headers), "")
        seconds = _seconds(reset, headers) if reset else None
        if remaining or _is_used_up(_smallest(headers, limit_name), reset, seconds):
            quotas += _quota(remaining, seconds, reset)
    return quotas


def _is_used_up(limit: int | None, reset: str, seconds: float | None) -> bool:
    """Return whether nothing left means that, and not that there is no limit or that its window is over."""
    if limit == 0:
        return False
    return seconds != 0 or (limit is not None and _ZERO.fullmatch(reset.strip()) is not None)


def _smallest(headers: Mapping[str, str], name: str) -> int | None:
    """Return the smallest number in a header; None if there is none but negative ones, which mean "no limit"."""
    values = header_values(headers, name)
    if len(values) == 1 and _PLAIN.fullmatch(values[0]):
        return int(values[0])  # nearly always
    numbers: list[int] = []
    for value in values:
        is_number = _THOUSANDS.fullmatch(value.strip())
        numbers += map(int, _INTEGER.findall(value.replace(",", "") if is_number else value))
    return min((number for number in numbers if number >= 0), default=None)


def _seconds(reset: str, headers: Mapping[str, str]) -> float:
    date = headers.get(_DATE)
    return parse_seconds(reset, headers) if date is None else _seconds_from(reset, date)


@functools.lru_cache(maxsize=64)
def _seconds_from(reset: str, date: str) -> float:
    return parse_seconds(reset, {"date": date})  # the same for all responses of a second
