"""Quotas that the CRM announces before it throttles.

Three families of headers are read: `RateLimit` of the current IETF draft ("RateLimit header fields for HTTP"), the
`RateLimit-Remaining` and `RateLimit-Reset` of its older versions, and `X-RateLimit-Remaining` and `X-RateLimit-Reset`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from multidict import istr

from engagement_jobs.crm_client.header_values import header_values
from engagement_jobs.crm_client.wait_values import parse_seconds

_CURRENT: Final = istr("ratelimit")
_POLICY: Final = istr("ratelimit-policy")
_OLDER: Final = (
    (istr("ratelimit-remaining"), istr("ratelimit-reset")),
    (istr("x-ratelimit-remaining"), istr("x-ratelimit-reset")),
)
_REMAINING, _OLDER_REMAINING = _OLDER[0][0], _OLDER[1][0]
# One member of a list of structured fields (RFC 9651): a string or a token, and its parameters.
_MEMBER = re.compile(
    r'\s*("(?:[^"\\]|\\.)*"|[^\s;,="]+)((?:\s*;\s*[a-z*][^\s;,="]*(?:=(?:"(?:[^"\\]|\\.)*"|[^\s;,"]+))?)*)'
)
_PARAMETER = re.compile(r';\s*([a-z*][^\s;,="]*)=(\d+)')
# `limit=100, remaining=50, reset=30` of the versions in between.
_DICTIONARY = re.compile(r"\b(remaining|reset)\s*=\s*(\d+)")


@dataclass(frozen=True, slots=True)
class Quota:
    """Number of requests that the CRM still accepts within a time.

    :param remaining: number of requests
    :param seconds: until the quota is full again; greater than 0
    :param raw: the header's value
    """

    remaining: int
    seconds: float
    raw: str


def announced_quota(headers: Mapping[str, str]) -> Quota | None:
    """Return the quota with the fewest remaining requests per second; None if the response announces none.

    :param headers: must support lookup by lower-case names
    """
    if not (_CURRENT in headers or _REMAINING in headers or _OLDER_REMAINING in headers):
        return None  # this is called for every response
    quotas = [*_current(headers), *_older(headers)]
    return min((quota for quota in quotas if quota.seconds > 0), key=_per_second, default=None)


def quota_is_used_up(headers: Mapping[str, str]) -> bool:
    """Return whether a response reports that no request is left, even if it does not report until when."""
    quotas = [*_current(headers), *_older(headers)]
    return any(quota.remaining == 0 for quota in quotas)


def _per_second(quota: Quota) -> float:
    return quota.remaining / quota.seconds


def _current(headers: Mapping[str, str]) -> Iterator[Quota]:
    windows = {
        name: values.get("w", 0)
        for values_of in header_values(headers, _POLICY)
        for name, values in _members(values_of)
    }
    for value in header_values(headers, _CURRENT):
        members = dict(_DICTIONARY.findall(value))
        if "remaining" in members:
            yield Quota(int(members["remaining"]), float(members.get("reset", 0)), value)
        for name, values in _members(value):
            if "r" in values:
                yield Quota(values["r"], float(values.get("t", windows.get(name, 0))), value)


def _members(value: str) -> Iterator[tuple[str, dict[str, int]]]:
    for name, parameters in _MEMBER.findall(value):
        yield name.strip('"'), {key: int(number) for key, number in _PARAMETER.findall(parameters)}


def _older(headers: Mapping[str, str]) -> Iterator[Quota]:
    for remaining_name, reset_name in _OLDER:
        numbers = re.findall(r"-?\d+", ",".join(header_values(headers, remaining_name)), re.ASCII)
        if numbers:
            reset = ",".join(header_values(headers, reset_name))
            yield Quota(max(0, min(map(int, numbers))), parse_seconds(reset, headers), reset)
