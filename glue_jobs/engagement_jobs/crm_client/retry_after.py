"""The `Retry-After` header."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# No job runs for a year, and adding more to the current time could overflow `datetime`.
_MAX_SECONDS = 366 * 86_400.0


def retry_after_seconds(retry_after: str | None, date: str | None) -> float | None:
    """Parse `Retry-After`: a number of seconds or an HTTP date.

    An HTTP date counts from the `Date` of the same response, so that clock skew does not matter. Without a `Date`, it
    counts from the local clock. Only delays of more than a year are shortened.

    :param retry_after: value of the `Retry-After` header, None if there is none
    :param date: value of the `Date` header of the same response
    :return: seconds to wait; None if the value is missing, invalid, zero or in the past
    """
    if not retry_after:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _MAX_SECONDS) or None
    end, start = _parse_http_date(text), _parse_http_date(date) or datetime.now(UTC)
    if end is None or end <= start:
        return None
    return min((end - start).total_seconds(), _MAX_SECONDS)


def _parse_http_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
