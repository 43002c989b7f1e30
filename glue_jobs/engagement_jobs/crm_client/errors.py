"""Errors of one HTTP request, sorted by whether the CRM may have read the request."""

from __future__ import annotations

import aiohttp


class UnsentError(Exception):
    """The request certainly did not reach the server; the text is the reason's machine word."""


class AmbiguousError(Exception):
    """The server may have read the request and applied it; the text is the reason's machine word."""


class StaleConnectionError(Exception):
    """A connection received something before a request was written to it."""


ERRORS = (aiohttp.ClientError, OSError, UnicodeError, StaleConnectionError)
"""What aiohttp raises when there is no answer; a TimeoutError is an OSError."""

# The first match counts: some of these classes are bases of classes above them.
_UNSENT: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "connect_timeout"),
    (aiohttp.ClientConnectorDNSError, "dns"),
    (UnicodeError, "dns"),  # a label of the host name that IDNA cannot encode
    (aiohttp.ClientSSLError, "tls"),
    (aiohttp.ClientConnectorError, "connect"),
    (StaleConnectionError, "connect"),
)
_AMBIGUOUS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "timeout"),
    (aiohttp.ClientResponseError, "malformed"),
)


def translate(error: Exception) -> UnsentError | AmbiguousError:
    """Return our error for one of `ERRORS`. What is not known to be unsent is ambiguous."""
    for kind, reason in _UNSENT:
        if isinstance(error, kind):
            return UnsentError(reason)
    for kind, reason in _AMBIGUOUS:
        if isinstance(error, kind):
            return AmbiguousError(reason)
    return AmbiguousError("reset")
