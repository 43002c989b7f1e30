"""Checks that the CRM responds, before the scoring job starts. It sends no token: Airflow may not read it."""

import codecs
import re
import socket
import ssl
from urllib.parse import urlsplit

import requests
from requests.exceptions import ConnectTimeout, ReadTimeout, RequestException, SSLError

from engagement.checks.certificates import describe_problem
from engagement.contract.errors import BadBaseUrlError, CrmUnavailableError

PATH = "/api/v1/update-score"
TIMEOUT = (5.0, 10.0)
"""Seconds to wait for a connection, and for the first byte of the response."""

_START_BYTES = 1_024
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_TAG = re.compile(r"\s*<[a-z!?/]", re.IGNORECASE)


def check_base_url(base_url: str, *, allow_http: bool) -> None:
    """Reject a URL that would expose the token or to which the path of the API cannot be appended.

    :param base_url: the setting
    :param allow_http: whether an unencrypted connection is permitted
    :raises BadBaseUrlError: the message does not repeat a user name or password
    """
    parts = urlsplit(base_url)
    if parts.username is not None or parts.password is not None:
        raise BadBaseUrlError("base_url contains a user name or password; put the token into the secret instead")
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise BadBaseUrlError(f"base_url is {base_url!r}, expected https:// and a host name")
    if parts.query or parts.fragment or base_url.endswith(("?", "#")):
        raise BadBaseUrlError(f"base_url is {base_url!r}, expected a URL without ?query and #fragment")
    if parts.scheme == "http" and not allow_http:
        raise BadBaseUrlError(
            f"base_url is {base_url!r}, expected https, because http exposes the token (the setting allow_http is for "
            "local stacks)"
        )


def check_reachable(base_url: str, *, allow_http: bool, timeout: tuple[float, float] = TIMEOUT) -> int:
    """Send one GET to the endpoint and return the HTTP status of a working CRM.

    The endpoint expects POST with a token, so 401, 403 and 405 are good responses. So is 404, which many servers return
    for a path that only accepts POST. The first requests of the push job detect a wrong path. Their bodies are often
    HTML, so only a success with a page says that there is no API.

    :param base_url: the setting
    :param allow_http: whether an unencrypted connection is permitted
    :param timeout: seconds to wait for a connection, and for the first byte of the response
    :raises BadBaseUrlError: see :func:`check_base_url`
    :raises CrmUnavailableError: no response, a redirect, a web page, or a status of 500 or more
    """
    check_base_url(base_url, allow_http=allow_http)
    url = base_url.rstrip("/") + PATH
    try:
        # stream: only the status and the start of the body matter, however long the body is.
        with requests.get(url, timeout=timeout, allow_redirects=False, stream=True) as response:
            status, location = response.status_code, response.headers.get("Location", "nowhere")
            is_page = 200 <= status < 300 and _is_page(response)
    except RequestException as error:
        raise CrmUnavailableError(f"GET {url}: {_reason(error, base_url, timeout)}") from error
    if 300 <= status < 400:
        raise CrmUnavailableError(
            f"GET {url}: HTTP {status} redirects to {location}; redirects are never followed, so set "
            "base_url to the final address"
        )
    if is_page:
        raise CrmUnavailableError(
            f"GET {url}: HTTP {status} with a web page in place of an API's response; base_url likely points at a web "
            "site, a login page or a proxy, so set it to the address of the API"
        )
    if status >= 500:
        raise CrmUnavailableError(f"GET {url}: HTTP {status}, the CRM responds but is not healthy")
    return status


def _is_page(response: requests.Response) -> bool:
    """Return whether a body begins with a tag or a doctype, whatever its label says."""
    try:
        start: bytes = next(response.iter_content(_START_BYTES), b"")
    except RequestException:
        return False  # the status has arrived, and it is good
    marks = ((start.removeprefix(mark), encoding) for mark, encoding in _BYTE_ORDER_MARKS if start.startswith(mark))
    body, encoding = next(marks, (start, "utf-8"))
    return _TAG.match(body.decode(encoding, "replace")) is not None


def _reason(error: RequestException, base_url: str, timeout: tuple[float, float]) -> str:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            parts = urlsplit(base_url)
            return describe_problem(cause, parts.hostname or "", parts.port or 443, timeout[0])
    if isinstance(error, SSLError):
        return f"no TLS connection ({_root_cause(error)}); check that base_url names a port with TLS"
    if isinstance(error, ConnectTimeout):
        return f"no connection within {timeout[0]:g} s; check firewall, security group and NAT"
    if isinstance(error, ReadTimeout):
        return f"no response within {timeout[1]:g} s of connecting"
    if any(isinstance(cause, socket.gaierror) for cause in _causes(error)):
        return "the host name cannot be resolved; check base_url and DNS"
    if any(isinstance(cause, ConnectionRefusedError) for cause in _causes(error)):
        return "connection refused; nothing listens there"
    return f"no response ({_root_cause(error)})"


def _causes(error: BaseException) -> list[BaseException]:
    """Return the error and its causes, the first cause last."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = _next_cause(current)
    return chain


def _next_cause(error: BaseException) -> BaseException | None:
    """Return the cause of an error. urllib3 keeps it in ``reason``, requests in the arguments."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    if error.__cause__ is not None:
        return error.__cause__
    nested = [argument for argument in error.args if isinstance(argument, BaseException)]
    return nested[0] if nested else error.__context__


def _root_cause(error: BaseException) -> str:
    return str(_causes(error)[-1])
