"""Forms of an HTTP message: 23 of a good answer, the last six of them unusable, and broken ones of other answers."""

import gzip
import zlib
from typing import Any

from local.fake_crm.behaviors.raw_answer import RawAnswer

_JSON = b'{"status":"updated"}'
_GZIP = gzip.compress(_JSON, mtime=0)
# What a brotli encoder makes of the JSON: one uncompressed meta-block, and an empty last one.
_BROTLI = b"\x8b\x09\x80" + _JSON + b"\x03"
_TYPE = b"Content-Type: application/json\r\n"
_LENGTH = b"Content-Length: %d\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"


def message(
    what: str, *headers: bytes, body: bytes = _JSON, line: bytes = b"HTTP/1.1 200 OK", **more: Any
) -> RawAnswer:
    """Return an answer with this status line and these headers, each with its own line end, and nothing else."""
    status = line.rpartition(b"\n")[2].split(b" ")[1]
    return RawAnswer(
        what=what, status=int(status), parts=(line + b"\r\n" + b"".join(headers) + b"\r\n" + body,), **more
    )


def _sized(what: str, *headers: bytes, body: bytes = _JSON, **more: Any) -> RawAnswer:
    return message(what, _TYPE, _LENGTH % len(body), *headers, body=body, **more)


def _bytewise(answer: RawAnswer) -> tuple[bytes, ...]:
    return tuple(bytes([byte]) for part in answer.parts for byte in part)


_PLAIN = _sized("")

GOOD: dict[str, RawAnswer] = {
    "no-reason": _sized("no reason phrase", line=b"HTTP/1.1 200"),
    "interim": _sized(
        "103 Early Hints before it", line=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK"
    ),
    "continue": _sized("100 Continue before it", line=b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"),
    "chunk-extension": message(
        "chunk extensions", _TYPE, _CHUNKED, body=b'5;a="b"\r\n%s\r\nf;c\r\n%s\r\n0;d\r\n\r\n' % (_JSON[:5], _JSON[5:])
    ),
    "trailers": message(
        "trailers", _TYPE, _CHUNKED, b"Trailer: A\r\n", body=b"14\r\n%s\r\n0\r\nA: b\r\nC: d\r\n\r\n" % _JSON
    ),
    "long-header": _sized(
        "a header of 20 KB", b"X-Long: %s\r\n" % (b"a" * 7_000), *[b"X-More: %s\r\n" % (b"a" * 6_500)] * 2
    ),
    "folded-header": _sized("a folded header", b"X-Folded: a\r\n b\r\n\tc\r\n"),
    "lf": RawAnswer(what="line feeds as line ends", status=200, parts=(_PLAIN.parts[0].replace(b"\r\n", b"\n"),)),
    "lower-case": RawAnswer(
        what="lower-case header names",
        status=200,
        parts=(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n" + _JSON,),
    ),
    "gzip": _sized("gzip that was not requested", b"Content-Encoding: gzip\r\n", body=_GZIP),
    "deflate": _sized("deflate that was not requested", b"Content-Encoding: deflate\r\n", body=zlib.compress(_JSON)),
    "gzip-chunked": message(
        "chunked gzip",
        *(_TYPE, _CHUNKED, b"Content-Encoding: gzip\r\n"),
        body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(_GZIP), _GZIP),
    ),
    "encoding-utf-8": _sized("Content-Encoding: UTF-8", b"Content-Encoding: UTF-8\r\n"),
    "encoding-none": _sized("Content-Encoding: none", b"Content-Encoding: none\r\n"),
    "encoding-empty": _sized("an empty Content-Encoding", b"Content-Encoding:\r\n"),
    "close": message("end of the body by close", _TYPE, close_after_ms=0),
    "bytewise": RawAnswer(what="one byte a write", status=200, parts=_bytewise(_PLAIN)),
    "brotli": _sized("brotli that was not requested", b"Content-Encoding: br\r\n", body=_BROTLI),
    "space-in-name": _sized("a space in a header name", b"X Y: z\r\n"),
    "space-before-colon": _sized("a space before a colon", b"X-Y : z\r\n"),
    "no-colon": _sized("a header line without a colon", b"nonsense\r\n"),
    "doubled-length": _sized("Content-Length twice", _LENGTH % len(_JSON)),
    "identity": _sized("Transfer-Encoding: identity", b"Transfer-Encoding: identity\r\n"),
}
# The forms that a client can read, and those that aiohttp's parser refuses.
READABLE = tuple(GOOD)[:17]
MALFORMED = tuple(GOOD)[18:]

_WAIT = b"Retry-After: 2\r\n"
_LIMIT = b"HTTP/1.1 429 Too Many Requests"

BROKEN: dict[str, RawAnswer] = {
    "204-gzip": message(
        "204 with Content-Encoding: gzip", b"Content-Encoding: gzip\r\n", body=b"", line=b"HTTP/1.1 204 No Content"
    ),
    "429-brotli": _sized(
        "429 with a brotli body", b"Content-Encoding: br\r\n", _WAIT, body=_BROTLI, line=_LIMIT, applied=False
    ),
    "429-truncated": message(
        "429 whose body ends early", _TYPE, _WAIT, _LENGTH % 500, line=_LIMIT, applied=False, close_after_ms=0
    ),
    "truncated": message("200 whose body ends early", _TYPE, _LENGTH % 500, close_after_ms=0),
    "empty-by-close": message("200 that ends by close without a body", _TYPE, body=b"", close_after_ms=0),
    "empty-chunked": message("200 without a body, chunked", _TYPE, _CHUNKED, body=b"0\r\n\r\n"),
    "reset-in-head": RawAnswer(
        what="a reset within the header", status=None, parts=(b"HTTP/1.1 200 OK\r\nCont",), reset=True
    ),
}
