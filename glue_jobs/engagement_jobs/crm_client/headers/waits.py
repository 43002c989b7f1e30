"""How long the CRM requests that nothing is sent: `Retry-After` and the headers that mean the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from multidict import istr

from engagement_jobs.crm_client.headers.header_values import header_values
from engagement_jobs.crm_client.headers.quotas import announced_quotas
from engagement_jobs.crm_client.headers.wait_values import parse_seconds

# Names of headers, and seconds of the unit of a plain number.
_SECONDS, _MILLISECONDS, _MS_MILLISECONDS = istr("retry-after"), istr("retry-after-ms"), istr("x-ms-retry-after-ms")
_HEADERS: Final = ((_SECONDS, 1.0), (_MILLISECONDS, 0.001), (_MS_MILLISECONDS, 0.001))
# 202 Accepted: the header is the interval at which to poll for the result, which the job does not do.
_STATUS_OF_POLLING = 202
# These responses mean "quota used up" if they report a quota of which nothing is left.
_STATUSES_OF_QUOTAS = (403, 429)
_MAX_RAW_LENGTH = 100


@dataclass(frozen=True, slots=True)
class RequestedWait:
    """A wait that the CRM requests.

    :param seconds: greater than 0, at most a year
    :param raw: the header's value for log lines: shortened, only printable ASCII
    """

    seconds: float
    raw: str


def requested_wait(status: int, headers: Mapping[str, str]) -> RequestedWait | None:
    """Return the longest wait that a response requests.

    :param headers: must support lookup by lower-case names
    :return: None if it requests none: there is no header, or it is zero, negative, or a time in the past
    """
    if _SECONDS in headers or _MILLISECONDS in headers or _MS_MILLISECONDS in headers:
        return None if status == _STATUS_OF_POLLING else _longest_wait(headers)
    if status not in _STATUSES_OF_QUOTAS:
        return None  # this is called for every response
    resets = [
        (quota.seconds, quota.raw) for quota in announced_quotas(headers) if quota.remaining == 0 and quota.seconds
    ]
    return _wait(*max(resets)) if resets else None


def _longest_wait(headers: Mapping[str, str]) -> RequestedWait | None:
    values = [(value, unit) for name, unit in _HEADERS for value in header_values(headers, name)]
    return _wait(*max((parse_seconds(value, headers, unit), value) for value, unit in values))


def _wait(seconds: float, raw: str) -> RequestedWait | None:
    text = "".join(letter if " " <= letter <= "~" else "?" for letter in raw[:_MAX_RAW_LENGTH])
    return RequestedWait(seconds, text) if seconds > 0 else None
