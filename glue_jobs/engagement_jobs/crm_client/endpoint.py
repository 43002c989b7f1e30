"""The normal form of the endpoint's URL."""

from __future__ import annotations

from yarl import URL


def normalize_endpoint(endpoint: str) -> str:
    """Return the URL that the client requests, which is the same for every spelling of one endpoint.

    Scheme and host are in lower case, a host in IDNA form, without the default port, and percent-encoding only where
    it is necessary. This URL is a part of every idempotency key, so it must not change with a release.
    """
    return str(URL(endpoint))
