"""Quotas that the CRM announces before it throttles.

Three families of headers are read: `RateLimit` of the current IETF draft ("RateLimit header fields for HTTP"), the
`RateLimit-Remaining` and `RateLimit-Reset` of its older versions, and `X-RateLimit-Remaining` and `X-RateLimit-Reset`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from multidict import istr

from engagement_jobs.crm_client.headers.header_values import header_values
from engagement_jobs.crm_client.headers.wait_values import MAX_SECONDS, parse_seconds

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
_PARAMETER = re.compile(r';\s*([a-z*][^\s;,="]*)=(\d{1,15})(?!\d)')
_INTEGER = re.compile(r"(?<!\d)-?\d{1,15}(?!\d)", re.ASCII)  # structured fields have no longer ones
# `limit=100, remaining=50, reset=30` of the versions in between.
_DICTIONARY = re.compile(r"\b(remaining|reset)\s*=\s*(\d{1,15})(?!\d)")


# Servers that round down announce 0 in the last second of a window.
_MIN_SECONDS = 1.0


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
    if _CURRENT in headers or _REMAINING in headers or _OLDER_REMAINING in headers:
        return [*_current(headers), *_older(headers)]
    return ()  # this is called for every response


def _current(headers: Mapping[str, str]) -> Iterator[Quota]:
    windows = {
        name: values["w"]
        for policies in header_values(headers, _POLICY)
        for name, values in _members(policies)
        if "w" in values
    }
    for value in header_values(headers, _CURRENT):
        draft = {name: int(number) for name, number in _DICTIONARY.findall(value)}
        if "remaining" in draft:
            yield Quota(draft["remaining"], _at_least_a_second(draft.get("reset")), value)
        for name, values in _members(value):
            if "r" in values:
                yield Quota(values["r"], _at_least_a_second(values.get("t", windows.get(name))), value)


def _at_least_a_second(seconds: float | None) -> float | None:
    return None if seconds is None else min(max(seconds, _MIN_SECONDS), MAX_SECONDS)


def _members(value: str) -> Iterator[tuple[str, dict[str, int]]]:
    for name, parameters in _MEMBER.findall(value):
        yield name.strip('"'), {key: int(number) for key, number in _PARAMETER.findall(parameters)}


def _older(headers: Mapping[str, str]) -> Iterator[Quota]:
    for remaining_name, reset_name in _OLDER:
        numbers = _INTEGER.findall(",".join(header_values(headers, remaining_name)))
        if numbers:
            reset = ",".join(header_values(headers, reset_name))
            seconds = _at_least_a_second(parse_seconds(reset, headers)) if reset else None
            yield Quota(max(0, min(map(int, numbers))), seconds, reset)
