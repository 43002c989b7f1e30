"""Values of response headers."""

from __future__ import annotations

from collections.abc import Mapping

_MAX_LENGTH = 1_000  # longer values are no numbers, dates or lists of a few words


def header_values(headers: Mapping[str, str], name: str) -> list[str]:
    """Return the values of all lines of a header, without what exceeds 1,000 characters.

    :param headers: of aiohttp, or any mapping with names in lower case
    :param name: in lower case
    """
    getall = getattr(headers, "getall", None)  # faster than a check of the type
    if getall is None:
        return [headers[name][:_MAX_LENGTH]] if name in headers else []
    return [value[:_MAX_LENGTH] for value in getall(name, ())]
