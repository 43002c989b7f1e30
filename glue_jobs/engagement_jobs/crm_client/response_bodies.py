"""The body of an answer: read up to a limit, checked for its end, and decoded."""

from __future__ import annotations

import contextlib
import ssl
import zlib
from collections.abc import Sequence

import aiohttp

MAX_BODY = 1_048_576
# Servers label plain text with these. Not one of them changes the bytes.
_PLAIN = frozenset(("", "identity", "none", "chunked", "binary", "utf-8", "utf8", "ascii", "us-ascii", "iso-8859-1"))
# What zlib expects in front of the data. By "deflate" servers mean the zlib format or, wrongly, raw data.
_WINDOW_BITS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
_NO_BODY = (101, 204, 304)  # after 101 the connection stays open, and what it carries is not HTTP


async def read_body(response: aiohttp.ClientResponse) -> bytes | None:
    """Read the body of an answer; None when it is too long, or encoded in a way that we cannot undo.

    :raises aiohttp.ClientError: the body was cut off
    :raises TimeoutError: the time for the request is over
    """
    headers = response.headers
    # Only as the last coding do chunks show where a body ends.
    last_coding = ",".join(headers.getall("Transfer-Encoding", ())).lower().rpartition(",")[2].strip()
    framed = "Content-Length" in headers or last_coding == "chunked"
    if framed or response.status in _NO_BODY:
        body = await _read(response.content)
    else:
        body = await _read_to_end_of_connection(response)
    if not body or not ("Content-Encoding" in headers or "Transfer-Encoding" in headers):
        return body
    names = ",".join([*headers.getall("Content-Encoding", ()), *headers.getall("Transfer-Encoding", ())])
    return decode(body, [name for name in map(str.strip, names.lower().split(",")) if name not in _PLAIN])


def decode(body: bytes, codings: Sequence[str]) -> bytes | None:
    """Undo the coding of a body; None when it is unknown, or the body is damaged, incomplete or too long."""
    if not codings:
        return body
    for bits in _WINDOW_BITS.get(codings[0], ()) if len(codings) == 1 else ():
        with contextlib.suppress(zlib.error):
            stream = zlib.decompressobj(bits)
            decoded = stream.decompress(body, MAX_BODY)
            if stream.eof and not stream.unused_data:
                return decoded
    return None


async def _read(content: aiohttp.StreamReader) -> bytes | None:
    body = bytearray()
    while part := await content.readany():
        body += part
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


async def _read_to_end_of_connection(response: aiohttp.ClientResponse) -> bytes | None:
    """Read a body that nothing but the end of its connection ends.

    For aiohttp every end of the connection is the end of such a body, even a reset. And under TLS an end without
    close_notify can come from anyone on the way.
    """
    connection = response.connection
    protocol = connection.protocol if connection is not None else None
    closed = protocol.closed if protocol is not None else None
    if connection is None or connection.transport is None or closed is None:
        raise aiohttp.ClientPayloadError
    tls = connection.transport.get_extra_info("ssl_object")
    body = await _read(response.content)
    if body is not None:
        await closed  # raises what ended the connection
        if tls is not None:
            # Without close_notify this raises SSLWantReadError: OpenSSL wants more data.
            with contextlib.suppress(ssl.SSLZeroReturnError):
                tls.read(1)
    return body
