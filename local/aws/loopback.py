"""A wall around the server process: no connection leaves this machine, whatever moto is asked to call."""

import ipaddress
import sys
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit


def allow_only_loopback(and_urls: Iterable[str] = ()) -> None:
    """From now on, refuse name look-ups and connections elsewhere than loopback and the hosts of `and_urls`.

    Cannot be undone: Python's audit hooks stay for the life of the process.
    """
    friends = {urlsplit(url).hostname for url in and_urls} | {"localhost", None, ""}
    addresses: set[str] = set()

    def is_near(host: object) -> bool:
        text = host.decode() if isinstance(host, bytes) else host
        if text in friends or text in addresses:
            return True
        try:
            return ipaddress.ip_address(str(text)).is_loopback
        except ValueError:
            return False

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo" and not is_near(args[0]):
            raise PermissionError(f"the AWS stand-in stays on this machine: refused to look up {args[0]!r}")
        if event == "socket.connect" and isinstance(args[1], tuple) and not is_near(args[1][0]):
            raise PermissionError(f"the AWS stand-in stays on this machine: refused to connect to {args[1][0]!r}")

    for friend in friends - {"localhost", None, ""}:
        addresses.update(_addresses(str(friend)))
    sys.addaudithook(hook)


def _addresses(host: str) -> set[str]:
    import socket

    try:
        return {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError:
        return set()
