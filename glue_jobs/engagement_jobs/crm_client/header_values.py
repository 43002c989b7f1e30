"""Values of response headers."""

from __future__ import annotations

from collections.abc import Mapping

from multidict import MultiMapping


def header_values(headers: Mapping[str, str], name: str) -> list[str]:
    """Return the values of all lines of a header.

    :param headers: of aiohttp, or any mapping with names in lower case
    :param name: in lower case
    """
    if isinstance(headers, MultiMapping):
        return headers.getall(name, [])
    return [headers[name]] if name in headers else []
