"""Bodies of a 2xx: readable in odd ways, failures in odd words, and what is no answer of a CRM at all."""

import codecs
import json
from typing import Any

from local.fake_crm.behaviors.http_forms import message
from local.fake_crm.behaviors.raw_answer import RawAnswer

_HTML = b"<!doctype html>\n<title>Sign in</title>\n<h1>Sign in</h1>\n"


def answer(
    what: str, body: bytes | dict[str, Any], content_type: str = "application/json", status: str = "200 OK", **more: Any
) -> RawAnswer:
    """Return a complete answer with this body; a mapping is sent as JSON."""
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = (f"Content-Type: {content_type}\r\nContent-Length: {len(encoded)}\r\n".encode(),)
    return message(what, *headers, body=encoded, line=f"HTTP/1.1 {status}".encode(), **more)


def _refused(what: str, body: bytes | dict[str, Any], content_type: str = "application/json") -> RawAnswer:
    return answer(what, body, content_type, applied=False)


_FAILURE = '{"success": false, "message": "engagement_score überschritten"}'

BODIES: dict[str, RawAnswer] = {
    # ---- applied: the label is wrong, the content is right ----------------------------------------------------------
    "json-as-html": answer("JSON labeled text/html", {"status": "updated"}, "text/html; charset=utf-8"),
    "json-utf-16": answer(
        "JSON in UTF-16 with a BOM", '{"status": "updated"}'.encode("utf-16"), "application/json; charset=utf-16"
    ),
    "ok-text": answer("the text OK, labeled text/html", b"OK", "text/html; charset=utf-8"),
    "no-errors": answer("fields that name no error", {"errors": [], "error": None, "status": "200", "errorCode": 0}),
    # ---- not applied: a failure in odd clothes ----------------------------------------------------------------------
    "bom-failure": _refused("a failure behind a UTF-8 BOM", codecs.BOM_UTF8 + _FAILURE.encode()),
    "utf-16-failure": _refused("a failure in UTF-16", _FAILURE.encode("utf-16"), "application/json; charset=utf-16"),
    "latin-1-failure": _refused(
        "a failure in ISO 8859-1", _FAILURE.encode("latin-1"), "application/json; charset=iso-8859-1"
    ),
    "xssi-failure": _refused("a failure behind )]}'", b")]}'\n" + _FAILURE.encode()),
    "word-failure": _refused('"Success": "false"', {"Success": "false"}),
    "code-failure": _refused('"statusCode": 422', {"statusCode": 422, "message": "no such user"}),
    "errors-failure": _refused('"HasErrors": true', {"HasErrors": True, "Errors": [{"code": "UNKNOWN_USER"}]}),
    "limit": _refused("200 that names a limit", {"error": {"code": "rate_limit_exceeded", "message": "Slow down"}}),
    # ---- nothing that can be read as an answer ----------------------------------------------------------------------
    "html": _refused("an HTML page", _HTML, "text/html; charset=utf-8"),
    "html-as-json": _refused("an HTML page behind a BOM, labeled as JSON", codecs.BOM_UTF8 + b"\r\n  " + _HTML),
    "error-text": _refused("the text Error: ...", b"Error: could not connect to the database", "text/plain"),
    "half-json": _refused("JSON that ends early", b'{"status": "upd'),
    "huge": _refused("2 MiB of JSON", b'{"status": "updated", "padding": "' + b"a" * (2 << 20) + b'"}'),
}
