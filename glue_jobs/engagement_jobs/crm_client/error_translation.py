"""Translation of aiohttp's errors into two classes: certainly not sent, or possibly applied."""

from __future__ import annotations

import aiohttp

from engagement_jobs.contract.errors import AmbiguousError, StaleConnectionError, UnsentError

ERRORS = (aiohttp.ClientError, OSError, UnicodeError, StaleConnectionError)
"""What aiohttp raises when there is no response. TimeoutError is a subclass of OSError."""

# The first match counts, because some classes are base classes of earlier ones.
UNSENT: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "connect_timeout"),
    (aiohttp.ClientConnectorDNSError, "dns"),
    (UnicodeError, "dns"),  # IDNA cannot encode a label of the host name
    (aiohttp.ClientSSLError, "tls"),
    (aiohttp.ClientConnectorError, "connect"),
    (StaleConnectionError, "connect"),
)
AMBIGUOUS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "timeout"),
    (aiohttp.ClientResponseError, "malformed"),
)


def translate(error: Exception) -> UnsentError | AmbiguousError:
    """Translate one of `ERRORS`. An error that does not prove "not sent" is ambiguous.

    :return: the error to raise; its text is the reason code, such as `connect` or `timeout`
    """
    for error_class, reason in UNSENT:
        if isinstance(error, error_class):
            return UnsentError(reason)
    for error_class, reason in AMBIGUOUS:
        if isinstance(error, error_class):
            return AmbiguousError(reason)
    return AmbiguousError("reset")
