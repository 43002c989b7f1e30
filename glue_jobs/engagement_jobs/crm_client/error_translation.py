"""Errors of one HTTP request, sorted by whether the CRM may have read the request."""

from __future__ import annotations

import aiohttp

from engagement_jobs.contract.errors import AmbiguousError, StaleConnectionError, UnsentError

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
