"""The way of a request to the CRM: through which proxy, and whose certificates are trusted.

Both sides have this module, so that the check of the CRM takes the way of the push; `tests/contract/` compares the
texts. Nothing here depends on the environment: no HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE and the like.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import ssl
from urllib.parse import urlsplit

from engagement.contract.base_url import check_host_and_port

PROXY_URL_FORM = "http://host:port or https://host:port, with the user name and the password in the secret"
NO_PROXY_FORM = (
    "a comma-separated list as in NO_PROXY: host names (with all below them), addresses, networks such as 10.0.0.0/8, "
    "host:port, or * for all"
)
_PROXY_URL = re.compile(r"(?i:https?)://[^/?#@\s]+:[0-9]+/?")
_HOST_AND_PORT = re.compile(r"(\[[^\]]+\]|[^:\[\]/@]+)(?::([0-9]{1,5}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
# With TLS 1.2 many servers report a missing certificate as HANDSHAKE_FAILURE.
_REFUSED_CLIENT = re.compile(r"ALERT.*(CERT|HANDSHAKE_FAILURE|UNKNOWN_CA|ACCESS_DENIED)")

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def choose_proxy(url: str, proxy_url: str, no_proxy: str) -> str | None:
    """Return the URL of the proxy for a request, None if the request goes directly to its host.

    Names are not resolved: a network in `no_proxy` matches only a URL whose host is an address.

    :param url: http or https
    :param proxy_url: empty if there is no proxy
    :param no_proxy: where to connect directly, see `NO_PROXY_FORM`; may be empty
    :raises ValueError: `no_proxy` is in another form
    """
    if not proxy_url or any(_matches(entry, url) for entry in _entries(no_proxy)):
        return None
    return proxy_url.lower().rstrip("/")


def check_proxy_url(text: str) -> None:
    """Refuse a text that is not the URL of a proxy.

    :raises ValueError: the text is not in the form of `PROXY_URL_FORM`
    """
    if not _PROXY_URL.fullmatch(text):
        raise ValueError(text)
    check_host_and_port(text.rstrip("/"))


def check_no_proxy(text: str) -> None:
    """Refuse a text that is not a list of hosts without a proxy.

    :raises ValueError: an entry is not in the form of `NO_PROXY_FORM`
    """
    for entry in _entries(text):
        if entry != "*":
            _parse(entry)


def tls_context(ca_pem: str | None) -> ssl.SSLContext:
    """Return the context of TLS connections, which trust the authorities of the system.

    :param ca_pem: certificates that are trusted too
    :raises ValueError: `ca_pem` contains no certificate, or a damaged one
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    system = ssl.get_default_verify_paths()
    for place in ({"cafile": system.openssl_cafile}, {"capath": system.openssl_capath}):
        with contextlib.suppress(OSError):  # a system may have one of them only
            context.load_verify_locations(**place)
    if ca_pem is not None:
        try:
            context.load_verify_locations(cadata=ca_pem.encode("ascii", "replace").decode())  # comments are free
        except (ssl.SSLError, ValueError) as error:
            raise ValueError(
                'expected certificates in PEM ("-----BEGIN CERTIFICATE-----"), but there is none, or a damaged one'
            ) from error
    # Python 3.13 refuses what earlier versions accept: a private authority often omits extensions that this demands.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # Also trust an intermediate authority, or the server's own certificate, if it is named.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def refuses_client(error: BaseException | None) -> bool:
    """Return whether an error is the alert of a server that refuses the client's certificate, or that there is none."""
    return isinstance(error, ssl.SSLError) and _REFUSED_CLIENT.search(error.reason or "") is not None


def _entries(no_proxy: str) -> list[str]:
    return [entry for text in no_proxy.split(",") if (entry := text.strip())]


def _matches(entry: str, url: str) -> bool:
    if entry == "*":
        return True
    parts = urlsplit(url)
    expected, port = _parse(entry)
    if port is not None and port != (parts.port or _DEFAULT_PORTS[parts.scheme]):
        return False
    host = parts.hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = _normalize(host)
        return isinstance(expected, str) and (name == expected or name.endswith(f".{expected}"))
    return not isinstance(expected, str) and address in expected


def _parse(entry: str) -> tuple[str | _Network, int | None]:
    """Return the name or network of an entry, and its port.

    :raises ValueError: the entry is neither
    """
    with contextlib.suppress(ValueError):
        return ipaddress.ip_network(entry, strict=False), None
    match = _HOST_AND_PORT.fullmatch(entry)
    if match is None or (match[2] and not 1 <= int(match[2]) <= 65_535):
        raise ValueError(entry)
    port = int(match[2]) if match[2] else None
    with contextlib.suppress(ValueError):
        return ipaddress.ip_network(match[1].strip("[]")), port
    name = match[1].removeprefix("*").removeprefix(".") if match[1].startswith((".", "*.")) else match[1]
    check_host_and_port(f"http://{name}")
    return _normalize(name), port


def _normalize(name: str) -> str:
    return name.rstrip(".").encode("idna").decode().lower()
