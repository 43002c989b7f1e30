"""Bodies of 2xx responses: what they say about the update, read from their content. Labels count only if that fails."""

from __future__ import annotations

import codecs
import contextlib
import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from multidict import istr

from engagement_jobs.crm_client import json_bodies
from engagement_jobs.crm_client.response_bodies import has_unsupported_encoding
from engagement_jobs.crm_client.response_rules import Finding

_CONTENT_TYPE = istr("content-type")
# AWS WAF answers 202 with this header and a page that a browser has to run; other clients get no body.
_FIREWALL = istr("x-amzn-waf-action")
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAX_CACHED_BYTES = 64
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
# Only character sets: Python has other codecs too, some of which are slow or decode escape sequences.
_KNOWN_CHARSET = re.compile(
    r"utf[-_]?(7|8|16|32)([-_]?(le|be))?|(us[-_]?)?ascii|(iso[-_]?8859|windows|cp|ibm)[-_]?\d+|latin[-_]?\d+"
    r"|koi8[-_][ru]|shift[-_]?jis|sjis|euc[-_](jp|kr)|gb(k|2312|18030)|big5|macintosh",
    re.IGNORECASE,
)
_BLANK = " \t\r\n\v\f\0\x85\xa0\u200b\u200c\u200d\u2028\u2029\u2060\ufeff"
# Prefixes against inclusion as a script.
_SCRIPT_GUARD = re.compile(r"\)\]\}'?,?|while\s*\(\s*1\s*\)\s*;|for\s*\(\s*;\s*;\s*\)\s*;|\{\}\s*&&")
# JSON as a call of a function (JSONP), or as server-sent events.
_CALL = re.compile(r"(?:/\*.*?\*/\s*)?(?:[\w$.]{1,100}\s*&&\s*)?[\w$.]{1,100}\s*\((.*)\)\s*;?", re.DOTALL)
_EVENT = re.compile(r"^data:(.*)$", re.MULTILINE)
_LABELS_OF_WRAPPED_JSON = ("event-stream", "javascript")
_TAG = re.compile(r"<[a-z!?/]", re.IGNORECASE)
_ERROR_TEXT = re.compile(r"[\W_]*(?:error|fail|failed|failure|exception|invalid)(?![a-z])", re.IGNORECASE)


def success_finding(headers: Mapping[str, str], body: bytes | None) -> Finding:
    """Return what the body of a 2xx response shows.

    :param body: None if it could not be read
    """
    if not body:
        return _empty_finding(headers) if body is not None else _why_unread(headers)
    try:
        # Many CRMs send the same few bytes for every user.
        return _fast_finding(body) if len(body) <= _MAX_CACHED_BYTES else _json_finding(_parse(body))
    except ValueError:
        return _slow_finding(headers, body)


@functools.lru_cache(maxsize=256)
def _fast_finding(body: bytes) -> Finding:
    return _json_finding(_parse(body))


def _parse(body: bytes) -> Any:
    return json_bodies.parse_json(body.decode())


def parse_body(headers: Mapping[str, str], body: bytes) -> Any:
    """Parse a JSON body, whatever its label says.

    :raises ValueError: it is not JSON
    """
    with contextlib.suppress(ValueError):
        return _parse(body)
    for text in _texts(headers, body):
        guard = _SCRIPT_GUARD.match(text)
        with contextlib.suppress(ValueError):
            return json_bodies.parse_json(text[guard.end() :] if guard else text)
    raise ValueError


def _empty_finding(headers: Mapping[str, str]) -> Finding:
    return Finding.HTML if _FIREWALL in headers else Finding.EMPTY


def _why_unread(headers: Mapping[str, str]) -> Finding:
    return Finding.ENCODING if has_unsupported_encoding(headers) else Finding.UNREADABLE


def _slow_finding(headers: Mapping[str, str], body: bytes) -> Finding:
    """Read a body that is not JSON in UTF-8."""
    with contextlib.suppress(ValueError):
        return _json_finding(parse_body(headers, body))
    text = next(_texts(headers, body), None)
    if text == "":
        return _empty_finding(headers)
    if text is None or (not _byte_order(body) and _charset(headers) == ""):
        return Finding.UNREADABLE
    if _TAG.match(text):
        return Finding.HTML
    wrapped = _wrapped_json(text)
    if wrapped is not None:
        return _json_finding(wrapped)
    label = headers.get(_CONTENT_TYPE, "").lower()
    if text[0] in "{[" or any(name in label for name in ("json", *_LABELS_OF_WRAPPED_JSON)):
        return Finding.UNREADABLE  # it claims to be JSON
    return _text_finding(text)


def _wrapped_json(text: str) -> Any:
    """Return the JSON in a call of a function or in events; None if there is none, or the text names an error."""
    call = _CALL.fullmatch(text)
    parts = [call[1]] if call else _EVENT.findall(text)
    if _ERROR_TEXT.match(text):
        return None
    with contextlib.suppress(ValueError):
        return [json_bodies.parse_json(part) for part in parts] or None
    return None


def _json_finding(value: Any) -> Finding:
    if isinstance(value, str):
        return _text_finding(value)
    if value is False:
        return Finding.ERROR_TEXT
    found = json_bodies.evaluate(value)
    if json_bodies.is_limit(found):
        return Finding.LIMIT
    if found & json_bodies.FAILURE:
        return Finding.FAILURE
    return Finding.EXECUTION_ERROR if found & json_bodies.EXECUTION_ERROR else Finding.NOTHING


def _text_finding(text: str) -> Finding:
    return Finding.ERROR_TEXT if _ERROR_TEXT.match(text) else Finding.NOTHING


def _texts(headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    """Decode a body in each encoding that it may have, the most certain one first."""
    encoding = _byte_order(body)
    encodings = [encoding] if encoding else [_charset(headers), json.detect_encoding(body)]
    for name in encodings:
        with contextlib.suppress(ValueError, LookupError):
            if name:
                yield body.decode(name).strip(_BLANK)


def _byte_order(body: bytes) -> str | None:
    """Return the encoding that the byte order mark names; None if there is no mark."""
    return next((name for mark, name in _BYTE_ORDER_MARKS if body.startswith(mark)), None)


def _charset(headers: Mapping[str, str]) -> str | None:
    """Return the character set in the label: None if there is none, and an empty text if it is unknown."""
    named = _CHARSET.search(headers.get(_CONTENT_TYPE, ""))
    if named is None:
        return None
    return named[1] if _KNOWN_CHARSET.fullmatch(named[1]) else ""
