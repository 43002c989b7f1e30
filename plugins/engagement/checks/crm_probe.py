"""Is the CRM there at all? Asked before an hour of scoring, without a token: Airflow may not read it."""

import socket
from urllib.parse import urlsplit

import requests
from requests.exceptions import ConnectTimeout, ReadTimeout, RequestException, SSLError

from engagement.contract.errors import BadBaseUrlError, CrmUnavailableError

PATH = "/api/v1/update-score"
TIMEOUT = (5.0, 10.0)
"""Seconds to connect, and to wait for the first byte of the answer."""


def check_base_url(base_url: str, *, allow_http: bool) -> None:
    """Refuse an address that would leak the token or cannot be extended by the API's path.

    :raises BadBaseUrlError: saying which part is at fault; user info is not repeated.
    """
    parts = urlsplit(base_url)
    if parts.username is not None or parts.password is not None:
        raise BadBaseUrlError("base_url contains a user name or password; the token belongs into the secret")
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise BadBaseUrlError(f"base_url is {base_url!r}; wanted https:// and a host name")
    if parts.query or parts.fragment or base_url.endswith(("?", "#")):
        raise BadBaseUrlError(f"base_url is {base_url!r}; wanted none of ?query and #fragment")
    if parts.scheme == "http" and not allow_http:
        raise BadBaseUrlError(
            f"base_url is {base_url!r}; wanted https, for the token would travel in the clear (the setting "
            "allow_http is for local stacks)"
        )


def check_reachable(base_url: str, *, allow_http: bool, timeout: tuple[float, float] = TIMEOUT) -> int:
    """GET the endpoint once and return its HTTP status; any below 500 but redirects shows that somebody is there.

    The endpoint takes POST with a token, so that 401, 403 and 405 are good answers. So is 404, which is what many
    servers say of a path that takes POST alone; a wrong path is found by the push job's first eleven records.

    :raises BadBaseUrlError: see :func:`check_base_url`.
    :raises CrmUnavailableError: with one sentence on what happened.
    """
    check_base_url(base_url, allow_http=allow_http)
    url = base_url.rstrip("/") + PATH
    try:
        # stream: the status is all that matters, however long the body.
        with requests.get(url, timeout=timeout, allow_redirects=False, stream=True) as response:
            status, location = response.status_code, response.headers.get("Location", "nowhere")
    except RequestException as error:
        raise CrmUnavailableError(f"GET {url}: {_reason(error, timeout)}") from error
    if 300 <= status < 400:
        raise CrmUnavailableError(
            f"GET {url}: HTTP {status} redirects to {location}; redirects are never followed, so set "
            "base_url to the final address"
        )
    if status >= 500:
        raise CrmUnavailableError(f"GET {url}: HTTP {status}, the CRM is up but not well")
    return status


def _reason(error: RequestException, timeout: tuple[float, float]) -> str:
    if isinstance(error, SSLError):
        return f"no TLS connection ({_root(error)}); check the certificate and its authority"
    if isinstance(error, ConnectTimeout):
        return f"no connection within {timeout[0]:g} s; check firewall, security group and NAT"
    if isinstance(error, ReadTimeout):
        return f"no answer within {timeout[1]:g} s of connecting"
    if any(isinstance(cause, socket.gaierror) for cause in _causes(error)):
        return "the host name cannot be resolved; check base_url and DNS"
    if any(isinstance(cause, ConnectionRefusedError) for cause in _causes(error)):
        return "connection refused; nothing listens there"
    return f"no answer ({_root(error)})"


def _causes(error: BaseException) -> list[BaseException]:
    """Walk down to the first cause; it is nested as attribute `reason`, cause, argument or context."""
    chain: list[BaseException] = []
    below: object = error
    while isinstance(below, BaseException) and below not in chain:
        chain.append(below)
        inner = [argument for argument in below.args if isinstance(argument, BaseException)]
        below = getattr(below, "reason", None) if isinstance(getattr(below, "reason", None), BaseException) else None
        below = below or chain[-1].__cause__ or (inner[0] if inner else chain[-1].__context__)
    return chain


def _root(error: BaseException) -> str:
    return str(_causes(error)[-1])
