"""GET /: what the CRM received and holds, as a page for a person. HTTP Basic with the token as the password opens it.

It is made of what is recorded anyway, when it is asked for: an update is not slower for it. What clients sent is
shown as text, shortened; no script may run, and nothing is loaded.
"""

import base64
import hashlib
import time
from functools import cache
from pathlib import Path

from aiohttp import web

from local.crm import checks
from local.crm import page_parts as parts
from local.crm.answers import Answer, not_allowed
from local.crm.service import Crm

PATH = "/"
_REFRESH_SECONDS = 3


def show(crm: Crm, request: web.BaseRequest) -> web.Response:
    """Answer one request to the page. `?still` leaves out the refresh."""
    refusal = checks.check_login(request.headers.get("Authorization"), crm.options.token)
    if refusal is None and request.method not in ("GET", "HEAD"):
        refusal = not_allowed(request.method, PATH, "GET, HEAD")
    if refusal is not None:
        return refusal.response()
    # What clients send may hold half a surrogate pair, which is no character.
    text = _page(crm, "still" in request.query).encode(errors="replace")
    return Answer(200, text, "text/html; charset=utf-8", _headers()).response()


@cache
def _style() -> str:
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")


@cache
def _headers() -> dict[str, str]:
    # Only this very style sheet may apply: markup that slipped in could not even change a colour.
    style = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; "
    return {
        "Content-Security-Policy": policy + "frame-ancestors 'none'",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def _page(crm: Crm, still: bool) -> str:
    refresh = "" if still else f'<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">'
    other = '<a href="/">Refresh by itself</a>' if still else '<a href="/?still">Stand still</a>'
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh}
<title>CRM stand-in</title>
<style>{_style()}</style>
</head>
<body>
<main>
<header><h1>CRM stand-in</h1><p class="soft">as of {parts.clock(time.time())} UTC · {other}</p></header>
{parts.fault(crm)}
<dl>{parts.figures(crm)}</dl>
<section class="card"><h2>Requests per second</h2>{parts.chart(crm)}</section>
<section class="card"><h2>Newest requests</h2>{parts.newest(crm)}</section>
</main>
</body>
</html>
"""
