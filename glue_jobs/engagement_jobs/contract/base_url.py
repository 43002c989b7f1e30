"""Which URLs of a CRM are possible. The Airflow side has the same check; `tests/contract/` compares the results."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_LABEL = re.compile(r"(?!-)[\w-]{1,63}(?<!-)")


def check_host_and_port(url: str) -> None:
    """Refuse a URL to which no request can be sent, whatever the network does.

    :param url: http or https
    :raises ValueError: the host is neither a valid name nor a valid address, or the port is not from 1 to 65535
    """
    parts = urlsplit(url)
    if parts.port == 0 or parts.netloc.endswith(":"):
        raise ValueError(url)
    host = parts.hostname or ""
    if "[" in parts.netloc:
        ipaddress.IPv6Address(host)
        return
    labels = host.removesuffix(".").split(".")
    # The idna codec refuses names and labels that are too long once they are encoded.
    if not all(map(_LABEL.fullmatch, labels)) or len(host.encode("idna")) > 253:
        raise ValueError(url)
    if labels[-1].isdecimal():
        ipaddress.IPv4Address(host)
