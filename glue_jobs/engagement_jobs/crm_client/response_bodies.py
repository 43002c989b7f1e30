"""Response bodies: read up to a size limit, checked for completeness, and decoded."""

from __future__ import annotations

import contextlib
import ssl
import zlib
from collections.abc import Mapping, Sequence

import aiohttp
from multidict import istr

from engagement_jobs.contract.errors import AmbiguousError
from engagement_jobs.crm_client.headers.header_values import header_values

MAX_BODY_BYTES = 1_048_576
# Values that servers use for unencoded bodies. None of them changes the bytes.
_NO_ENCODING = frozenset(
    ("", "identity", "none", "chunked", "binary", "utf-8", "utf8", "ascii", "us-ascii", "iso-8859-1")
)
# `wbits` arguments of zlib. "deflate" means the zlib format, but some servers send raw deflate data.
_WINDOW_BITS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
_ENCODING_HEADERS = (istr("content-encoding"), istr("transfer-encoding"))
# After 101 the connection stays open and no longer carries HTTP.
_STATUS_WITHOUT_BODY = (101, 204, 205, 304)


async def read_body(response: aiohttp.ClientResponse) -> bytes | None:
    """Read the body of a response.

    :raises aiohttp.ClientError: the body is incomplete
    :raises AmbiguousError: it is not certain where the body ends
    :raises TimeoutError: the request timed out
    :return: None if the body is longer than `MAX_BODY_BYTES` or has an unsupported encoding, or if the connection was
        closed where a body without a known end would begin, line ends aside
    """
    if response.status in _STATUS_WITHOUT_BODY:
        return b""
    headers = response.headers
    # Chunks mark the end of the body only if chunked is the last coding.
    last_coding = ",".join(headers.getall("Transfer-Encoding", ())).lower().rpartition(",")[2].strip()
    has_known_end = "Content-Length" in headers or last_coding == "chunked"
    if has_known_end:
        body = await _read(response.content)
    else:
        body = await _read_until_close(response)
        body = body if body and body.strip() else None
    if not body or not ("Content-Encoding" in headers or "Transfer-Encoding" in headers):
        return body
    return decode(body, _encodings(headers))


def has_unsupported_encoding(headers: Mapping[str, str]) -> bool:
    """Return whether the body is in an encoding that `decode` does not know, or in several."""
    encodings = _encodings(headers)
    return len(encodings) > 1 or any(name not in _WINDOW_BITS for name in encodings)


def _encodings(headers: Mapping[str, str]) -> list[str]:
    names = ",".join(value for name in _ENCODING_HEADERS for value in header_values(headers, name))
    return [name for name in map(str.strip, names.lower().split(",")) if name not in _NO_ENCODING]


def decode(body: bytes, encodings: Sequence[str]) -> bytes | None:
    """Decompress a body.

    :param encodings: names in lower case
    :return: None if the encoding is unsupported, or the body is damaged, incomplete or longer than `MAX_BODY_BYTES`
    """
    if not encodings:
        return body
    if len(encodings) > 1:
        return None
    for window_bits in _WINDOW_BITS.get(encodings[0], ()):
        with contextlib.suppress(zlib.error):
            stream = zlib.decompressobj(window_bits)
            decoded = stream.decompress(body, MAX_BODY_BYTES)
            if stream.eof and not stream.unused_data:
                return decoded
    return None


async def _read(content: aiohttp.StreamReader) -> bytes | None:
    body = bytearray()
    while part := await content.readany():
        body += part
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


async def _read_until_close(response: aiohttp.ClientResponse) -> bytes | None:
    """Read a body that ends with its connection.

    aiohttp accepts any end of the connection as the end of the body, even a reset. With TLS, an end without
    close_notify may also come from an attacker on the network.
    """
    if any(name != name.strip() for name in response.headers):
        raise AmbiguousError("malformed")  # such as `Content-Length : 21`, which the parser of aiohttp may apply
    connection = response.connection
    protocol = connection.protocol if connection is not None else None
    closed = protocol.closed if protocol is not None else None
    if connection is None or connection.transport is None or closed is None:
        raise aiohttp.ClientPayloadError
    tls = connection.transport.get_extra_info("ssl_object")
    body = await _read(response.content)
    if body is not None:
        await closed  # raises the error that ended the connection, if there was one
        if tls is not None:
            # Without close_notify, OpenSSL expects more data and this raises SSLWantReadError.
            with contextlib.suppress(ssl.SSLZeroReturnError):
                tls.read(1)
    return body
